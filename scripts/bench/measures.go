package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"slotfs/sftpdest/sshdtest"
)

// measureIndex compares one pass over an archive with the shortest ways to list it without slotfs.
func measureIndex(b *bench) ([]figure, error) {
	archive, err := b.account()
	if err != nil {
		return nil, err
	}
	var ours time.Duration
	var s *site
	for range 3 {
		if s, err = b.site(b.store("account"), b.server.Port); err != nil {
			return nil, err
		}
		took, err := s.index()
		if err != nil {
			return nil, err
		}
		if ours == 0 || took < ours {
			ours = took
		}
	}
	gzip, err := b.timed(3, b.ssh()+` cat "$1" | gzip -dc | tar t >/dev/null`, archive)
	if err != nil {
		return nil, err
	}
	pigz, err := b.timed(3, b.ssh()+` cat "$1" | pigz -dc | tar t >/dev/null`, archive)
	if err != nil {
		return nil, err
	}
	st, err := s.stats()
	if err != nil {
		return nil, err
	}
	seconds := fmt.Sprintf(" (%.1f s; gzip %.1f s, pigz %.1f s)", ours.Seconds(), gzip.Seconds(), pigz.Seconds())
	return []figure{
		atMost("index an archive: time, of ssh cat | gzip -dc | tar t", ours.Seconds()/gzip.Seconds(), 0.5, seconds),
		atMost("index an archive: time, of ssh cat | pigz -dc | tar t", ours.Seconds()/pigz.Seconds(), 1, ""),
		atMost("seek points, MB per GB of tar", float64(st.PointBytes)/1e6/(float64(b.size<<20)/1e9), 1, " MB/GB"),
	}, nil
}

// measureCold reads 64 KiB from the middle of an archive at a distance that a mount has not touched before.
func measureCold(b *bench) ([]figure, error) {
	if _, err := b.account(); err != nil {
		return nil, err
	}
	link, err := sshdtest.Proxy(b.server.Address(), distance)
	if err != nil {
		return nil, err
	}
	defer link.Close()
	s, err := b.site(b.store("account"), link.Port)
	if err != nil {
		return nil, err
	}
	if _, err := s.index(); err != nil {
		return nil, err
	}
	var took time.Duration
	var fetched int64
	err = s.mounted(func() error {
		picture, err := b.shell(`find "$1" -size +63k -size -90k -name '*.jpg' | sort | awk '{name[NR]=$0} END{print name[int((NR+1)/2)]}'`, s.mnt+"/d/accounts/alice/latest/files/public_html/wp-content/uploads")
		if err != nil {
			return err
		}
		// A first read of something far away makes the connection, which is not what is measured.
		if _, err := b.shell(`cat "$1" >/dev/null`, s.mnt+"/d/accounts/alice/latest/config/version"); err != nil {
			return err
		}
		time.Sleep(time.Second)
		_, before := link.Bytes()
		start := time.Now()
		if _, err := b.shell(`head -c 65536 "$1" >/dev/null`, strings.TrimSpace(picture)); err != nil {
			return err
		}
		took = time.Since(start)
		time.Sleep(time.Second)
		_, after := link.Bytes()
		fetched = after - before
		return nil
	})
	return []figure{
		atMost("64 KiB from the middle, cold, 20 ms: time in round trips", took.Seconds()/distance.Seconds(), 10, ""),
		atMost("64 KiB from the middle, cold: fetched", float64(fetched)/1e6, 2.5, " MB"),
	}, err
}

// measureRestore compares cp -a of a whole account with streaming the same archive into tar.
func measureRestore(b *bench) ([]figure, error) {
	archive, err := b.account()
	if err != nil {
		return nil, err
	}
	s, err := b.site(b.store("account"), b.server.Port)
	if err != nil {
		return nil, err
	}
	if _, err := s.index(); err != nil {
		return nil, err
	}
	out := filepath.Join(s.dir, "restored")
	stream, err := b.timed(3, `rm -rf "$2"; mkdir "$2"; `+b.ssh()+` cat "$1" | tar -C "$2" -xzf -`, archive, out)
	if err != nil {
		return nil, err
	}
	var best time.Duration
	for range 3 {
		err = s.cold(func() error {
			if _, err := b.shell(`rm -rf "$1"`, out); err != nil {
				return err
			}
			took, err := b.timed(1, `cp -a "$1" "$2"`, s.mnt+"/d/accounts/alice/latest/full", out)
			if best == 0 || took < best {
				best = took
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	note := fmt.Sprintf(" (%.1f s; stream %.1f s)", best.Seconds(), stream.Seconds())
	return []figure{atLeast("cp -a of an account: rate, of ssh cat | tar xz", stream.Seconds()/best.Seconds(), 0.8, note)}, nil
}

// measureFind lists a million entries, and tells what they cost in the index and in memory.
func measureFind(b *bench) ([]figure, error) {
	store := b.store("million")
	first := filepath.Join(store, "2026-01-04/accounts/big.tar.gz")
	if err := os.MkdirAll(filepath.Dir(first), 0o755); err != nil {
		return nil, err
	}
	if err := b.million(first, b.entries); err != nil {
		return nil, err
	}
	s, err := b.site(store, b.server.Port)
	if err != nil {
		return nil, err
	}
	if _, err := s.index(); err != nil {
		return nil, err
	}
	one, err := s.stats()
	if err != nil {
		return nil, err
	}
	if _, err := b.shell(`mkdir -p "$1/2026-01-05/accounts"; cp "$1/2026-01-04/accounts/big.tar.gz" "$1/2026-01-05/accounts/"`, store); err != nil {
		return nil, err
	}
	if _, err := s.index(); err != nil {
		return nil, err
	}
	two, err := s.stats()
	if err != nil {
		return nil, err
	}
	var rate, rss float64
	err = s.mounted(func() error {
		start := time.Now()
		out, err := b.shell(`find "$1" -printf '%s %p\n'`, s.mnt+"/d/accounts/big/latest/full")
		if err != nil {
			return err
		}
		rate = float64(lines(out)) / time.Since(start).Seconds()
		kib, err := b.shell(`awk '/VmRSS/{print $2}' "/proc/$(pgrep -f "$1" | head -1)/status"`, s.mnt)
		if err != nil {
			return err
		}
		value, err := strconv.Atoi(strings.TrimSpace(kib))
		rss = float64(value) / 1000
		return err
	})
	perFile := func(st stats) float64 { return float64(st.NodeBytes) / float64(b.entries) }
	return []figure{
		atLeast("find -printf, cold: entries/s", rate, 100_000, ""),
		atMost("memory of the mount after that find", rss, 150, " MB"),
		atMost("index, first snapshot: bytes per file", perFile(one), 45, ""),
		atMost("index, a further unchanged one: bytes per file", perFile(two)-perFile(one), 1, ""),
		atMost("index on disk: bytes per file", float64(two.DiskBytes-two.PointBytes)/float64(b.entries), 45, ""),
	}, err
}

// measureRepeat passes twice over a destination with many archives.
func measureRepeat(b *bench) ([]figure, error) {
	store := b.store("many")
	if err := b.spread(store, b.archives); err != nil {
		return nil, err
	}
	link, err := sshdtest.Proxy(b.server.Address(), distance)
	if err != nil {
		return nil, err
	}
	defer link.Close()
	s, err := b.site(store, link.Port)
	if err != nil {
		return nil, err
	}
	first, err := s.index()
	if err != nil {
		return nil, err
	}
	_, before := link.Bytes()
	second, err := s.index()
	if err != nil {
		return nil, err
	}
	_, after := link.Bytes()
	directories := 1 + 2*(b.archives+49)/50
	note := fmt.Sprintf(" bytes (%.1f s; first pass %.1f s)", second.Seconds(), first.Seconds())
	return []figure{
		atMost("second pass over unchanged archives: received per directory", float64(after-before)/float64(directories), 12_000, note),
	}, nil
}
