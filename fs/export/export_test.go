package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// noise is bytes that nothing compresses.
func noise(n int) []byte {
	p := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(p)
	return p
}

// sample is a directory with all that an archive can have. ZIP has less.
func sample(t *testing.T, zip bool) *disk {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "top")
	for _, d := range []string{"a/b", "empty", "z" + strings.Repeat("/"+strings.Repeat("d", 90), 20)} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int{"a/none": 0, "a/one": 1, "a/block": 65535, "a/chunk": chunk, "a/b/large": 3*chunk + 70_001, "ümlaut <img>": 7, "-rf": 3} {
		write(t, filepath.Join(dir, name), noise(size))
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Symlink("../a/one", filepath.Join(dir, "a/link")))
	check(os.Symlink("/etc/passwd", filepath.Join(dir, "outside")))
	check(os.Chmod(filepath.Join(dir, "a/one"), 0o400))
	check(os.Chmod(filepath.Join(dir, "empty"), 0o710))
	if !zip {
		check(os.WriteFile(filepath.Join(dir, "two\nlines"), []byte("x"), 0o600))
		check(os.WriteFile(filepath.Join(dir, "no\xffutf8"), []byte("x"), 0o600))
		check(os.Link(filepath.Join(dir, "a/b/large"), filepath.Join(dir, "a/other")))
		check(unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
		check(unix.Lsetxattr(filepath.Join(dir, "a/none"), "user.note", []byte("a=b\n\x00"), 0))
		f, err := os.Create(filepath.Join(dir, "holes"))
		check(err)
		_, err = f.WriteAt(noise(4096), 1<<20)
		check(err)
		_, err = f.WriteAt(noise(5000), 3<<20)
		check(err)
		check(f.Truncate(5<<20 + 17))
		check(f.Close())
		check(os.WriteFile(filepath.Join(dir, "hole"), nil, 0o600))
		check(os.Truncate(filepath.Join(dir, "hole"), 1<<20))
	}
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := unix.NsecToTimespec(time.Date(2024, 5, 6, 7, 8, 10, 0, time.UTC).UnixNano())
		return unix.UtimesNanoAt(unix.AT_FDCWD, p, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
	})
	check(err)
	return &disk{root: dir}
}

//check:without it sets owners and attributes, which root may alone
func TestTarPeersExtractWhatWasExported(t *testing.T) {
	d := sample(t, false)
	for _, f := range []Format{Tar, TarGzip} {
		file, s := archived(t, d, f)
		if s.Files != 11 || s.Links != 3 || s.LeftOut != 0 {
			t.Errorf("%+v", s)
		}
		for _, peer := range [][]string{{"tar", "--warning=no-unknown-keyword", "--xattrs", "--acls", "-xpSf"}, {"bsdtar", "-xpf"}} {
			to := t.TempDir() // whose own time bsdtar leaves as it is
			must(t, peer[0], append(peer[1:], file, "-C", to)...)
			must(t, "touch", "-r", d.root, to)
			must(t, "rsync", "-aHAXcni", "--exclude=/pipe", "--delete", d.root+"/", to+"/")
			must(t, "diff", "-r", "--no-dereference", "-x", "pipe", d.root, to)
			for name, most := range map[string]int64{"hole": 0, "holes": 128} {
				var st unix.Stat_t
				if err := unix.Stat(filepath.Join(to, name), &st); err != nil || st.Blocks > most {
					t.Errorf("%s: %d blocks, %v", name, st.Blocks, err)
				}
			}
			if st, err := os.Lstat(filepath.Join(to, "pipe")); err != nil || st.Mode().Type() != os.ModeNamedPipe {
				t.Errorf("%v, %v", st, err)
			}
		}
	}
}

func TestZipPeersExtractWhatWasExported(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	d := sample(t, true)
	file, s := archived(t, d, Zip)
	if s.Files != 7 || s.Links != 2 {
		t.Errorf("%+v", s)
	}
	must(t, "python3", "-c", "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None", file)
	for _, peer := range [][]string{{"unzip", "-qq", "-X", file, "-d"}, {"bsdtar", "-xpf", file, "-C"}} {
		to := t.TempDir()
		must(t, peer[0], append(peer[1:], to)...)
		must(t, "diff", "-r", "--no-dereference", d.root, to)
		must(t, "rsync", "-acni", "--omit-dir-times", "--omit-link-times", "--exclude=/.", d.root+"/", to+"/")
	}
	to := t.TempDir() // who reads it as it comes sees neither modes nor links, which stand at its end
	must(t, "sh", "-c", `cat "$0" | bsdtar -xf - -C "$1"`, file, to)
	must(t, "diff", "-r", "-x", "link", "-x", "outside", d.root, to)
}

//check:without it writes 5 GiB
func TestLargeZipArchivesHaveTheLengthThatWasTold(t *testing.T) {
	for name, sizes := range map[string][]int64{"large": {1, 5 << 30, 1}, "many": make([]int64, 70_000)} {
		t.Run(name, func(t *testing.T) {
			members := zeros(sizes)
			want, err := Length(t.Context(), members, Zip)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "a.zip")
			out, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			n := &holes{File: out}
			if _, err := Write(t.Context(), n, members, Options{Format: Zip, Files: 4, Window: 4 << 20}); err != nil {
				t.Fatal(err)
			}
			if n.at != want {
				t.Errorf("%d bytes, and %d were told", n.at, want)
			}
			must(t, "python3", "-c", "import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); i=z.infolist(); assert sum(e.file_size for e in i)==int(sys.argv[2]), i[-1]; z.open(i[-1]).read(100)",
				file, sum(sizes))
		})
	}
}

func TestWhatCannotBeReadEndsTheArchive(t *testing.T) {
	wrong := errors.New("checksum differs")
	for _, f := range Formats() {
		d := sample(t, f == Zip)
		d.fails = map[string]error{"a/b/large": wrong}
		var out bytes.Buffer
		_, err := Write(t.Context(), &out, d.members, Options{Format: f, Files: 4, Window: 2 << 20})
		var read *ReadError
		if !errors.Is(err, wrong) || !errors.As(err, &read) || read.Path != "a/b/large" {
			t.Errorf("%s: %v", f, err)
		}
		if f == TarGzip {
			z, err := gzip.NewReader(&out)
			if err == nil {
				_, err = io.Copy(io.Discard, z)
			}
			if err == nil {
				t.Error("what was written is a whole archive")
			}
		}
	}
}

func TestInterruptedExportsEndAtOnce(t *testing.T) {
	d := sample(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	w := writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	if _, err := Write(ctx, w, d.members, Options{Format: Tar}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	for _, p := range []string{"../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a\x00b", ".."} {
		for _, f := range Formats() {
			members := func(_ context.Context, yield func(*Member) error) error {
				return yield(&Member{Path: p, Entry: restore.Entry{Mode: backup.ModeRegular | 0o644}})
			}
			if _, err := Write(t.Context(), io.Discard, members, Options{Format: f}); !errors.Is(err, errName) {
				t.Errorf("%s %q: %v", f, p, err)
			}
		}
	}
}

func TestPathsThatZIPHasNoRoomForAreRefusedBeforeTheFirstByte(t *testing.T) {
	long := strings.Repeat(strings.Repeat("d", 200)+"/", 400) + "f"
	members := func(_ context.Context, yield func(*Member) error) error {
		return yield(&Member{Path: long, Entry: restore.Entry{Mode: backup.ModeRegular | 0o644}})
	}
	if _, err := Length(t.Context(), members, Zip); !errors.Is(err, errZipName) {
		t.Error(err)
	}
	if _, err := Write(t.Context(), io.Discard, members, Options{Format: Tar}); err != nil {
		t.Error(err)
	}
}

func FuzzNames(f *testing.F) {
	f.Add("a/b", "t", int64(3), uint32(backup.ModeRegular|0o644))
	f.Add("\xff\n", "../..", int64(70_000), uint32(backup.ModeSymlink))
	f.Fuzz(func(t *testing.T, p, target string, size int64, mode uint32) {
		size = min(max(size, 0), 200_000)
		members := func(_ context.Context, yield func(*Member) error) error {
			m := &Member{Path: p, Source: nothing{}, Entry: restore.Entry{Mode: mode, Size: size, Target: target, MTime: backup.Time{Sec: size * 1e9}}}
			return yield(m)
		}
		for _, format := range []Format{Tar, Zip} {
			want, lengthErr := Length(t.Context(), members, format)
			var out bytes.Buffer
			_, err := Write(t.Context(), &out, members, Options{Format: format})
			if (err == nil) != (lengthErr == nil) || err == nil && int64(out.Len()) != want {
				t.Errorf("%s: %d bytes and %v, told were %d and %v", format, out.Len(), err, want, lengthErr)
			}
		}
	})
}
