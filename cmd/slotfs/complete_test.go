package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompletionKnowsWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, w.addArgs("other")...)
	w.must(0, "index", "offsite")
	const shop = "offsite/accounts/alice/2026-01-05/"
	look := func() {
		t.Helper()
		for _, c := range []struct{ line, want string }{
			{"destination sh", "show"},
			{"destination show o", "offsite other"},
			{"destination add o", ""},
			{"index offsite ot", "other"},
			{"ls --lon", "--long"},
			{"ls --config", "--config"},
			{"sync --dest", ""},
			{"job add x --destination off", "offsite"},
			{"job add x --mode c", "compressed"},
			{"ls off", "offsite/"},
			{"ls -l offsite/acc", "offsite/accounts/"},
			{"cat " + shop + "databases/alice_shop.s", shop + "databases/alice_shop.sql"},
			{"diff " + shop + " offsite/accounts/alice/20", shop},
			{"restore " + shop + "files/ " + shop + "dat", shop + "databases/"},
			{"ls nothing/of/that", ""},
			{"umount /", ""},
			{"completion z", "zsh"},
			{"nonsense --lon", ""},
		} {
			words := strings.Split(c.line, " ")
			r := w.must(0, append([]string{"complete", "--"}, words...)...)
			if got := strings.Join(strings.Fields(r.out), " "); got != c.want || r.err != "" {
				t.Errorf("%q becomes %q, want %q\n%s", c.line, got, c.want, r.err)
			}
		}
	}
	look()
	w.mount()
	look()
	if r := w.must(0, "complete", "--", "ls", w.mnt+"/off"); strings.TrimSpace(r.out) != w.mnt+"/offsite/" {
		t.Errorf("a path with the mountpoint becomes %q", r.out)
	}
}

// The shell itself asks, quotes what it gets, and goes on with a directory.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(0, w.addArgs("offsite")...)
	script := w.must(0, "completion", "bash").out
	c := w.command("ignored")
	shell := exec.Command("bash", "-c", `slotfs() { "$program" --config "$config" --state-dir "$state" "$@"; }
compopt() { echo "compopt $*"; }
`+script+`
COMP_WORDS=(slotfs destination show of); COMP_CWORD=3; _slotfs; printf '%s\n' "${COMPREPLY[@]}"
COMP_WORDS=(slotfs cat '"off'); COMP_CWORD=2; _slotfs; printf '%s\n' "${COMPREPLY[@]}"`)
	shell.Env = append(c.Environ(), "program="+c.Path, "config="+w.config, "state="+filepath.Clean(w.state))
	out, err := shell.CombinedOutput()
	if want := "offsite\ncompopt -o filenames\ncompopt -o nospace\noffsite/\n"; err != nil || string(out) != want {
		t.Errorf("bash says %v\n%swant\n%s", err, out, want)
	}
	w.refused(2, "no completion", "completion", "ksh")
}

// asShell is a program of that name which is the one under test, with the settings of a world.
func (w *world) asShell(shell, script string) (string, error) {
	w.t.Helper()
	c := w.command("ignored")
	bin := filepath.Join(w.dir, "shell-bin")
	program := "#!/bin/sh\nexec '" + c.Path + "' --config '" + w.config + "' --state-dir '" + filepath.Clean(w.state) + "' \"$@\"\n"
	if err := errors.Join(os.MkdirAll(bin, 0o755), os.WriteFile(filepath.Join(bin, "slotfs"), []byte(program), 0o755)); err != nil {
		w.t.Fatal(err)
	}
	run := exec.Command(shell, "-c", script)
	run.Env = append(c.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+w.dir, "TERM=dumb")
	out, err := run.CombinedOutput()
	return string(out), err
}

// zsh has compadd only while it completes for somebody: a function in its place says what it is given.
func TestZshCompletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, w.addArgs("other")...)
	w.must(0, "index", "offsite")
	got, err := w.asShell("zsh", `compdef() { echo "compdef $*"; }
compadd() { echo "compadd $*"; }
_files() { echo files; }
source <(slotfs completion zsh)
words=(slotfs destination show o); CURRENT=4; _slotfs
words=(slotfs cat offsite/accounts/al); CURRENT=3; _slotfs
words=(slotfs cat offsite/accounts/alice/2026-01-05/databases/alice_shop.s); CURRENT=3; _slotfs
words=(slotfs umount /); CURRENT=3; _slotfs`)
	want := "compdef _slotfs slotfs\ncompadd -- offsite other\ncompadd -S  -- offsite/accounts/alice/\n" +
		"compadd -- offsite/accounts/alice/2026-01-05/databases/alice_shop.sql\nfiles\n"
	if err != nil || got != want {
		t.Errorf("zsh says %v\n%swant\n%s", err, got, want)
	}
}

func TestFishCompletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, w.addArgs("other")...)
	w.must(0, "index", "offsite")
	got, err := w.asShell("fish", `slotfs completion fish | source
complete -C 'slotfs destination show o'
complete -C 'slotfs cat offsite/accounts/al'
complete -C 'slotfs cat offsite/accounts/alice/2026-01-05/databases/alice_shop.s'
cd /; complete -C 'slotfs umount /pro'`)
	want := "offsite\nother\noffsite/accounts/alice/\noffsite/accounts/alice/2026-01-05/databases/alice_shop.sql\n/proc/\n"
	if err != nil || got != want {
		t.Errorf("fish says %v\n%swant\n%s", err, got, want)
	}
}
