package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/term"
)

func TestWrongUsageIsOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		want string
		args []string
	}{
		{`unknown command "frobnicate"`, []string{"frobnicate"}},
		{`unknown command "destination frobnicate"`, []string{"destination", "frobnicate"}},
		{"unknown flag --nope", []string{"status", "--nope"}},
		{"unknown flag --nope", []string{"--nope=1", "status"}},
		{"which command?", []string{"destination"}},
		{"NAME is missing", []string{"destination", "show"}},
		{"MOUNTPOINT is missing", []string{"mount"}},
		{`unexpected argument "b"`, []string{"destination", "show", "a", "b"}},
		{`unexpected argument "a"`, []string{"status", "a"}},
		{"flag --host: its value is missing", []string{"destination", "add", "a", "--host"}},
		{"--port", []string{"destination", "add", "a", "--port", "many"}},
		{"--connection-timeout", []string{"destination", "add", "a", "--connection-timeout", "soon"}},
		{"--log-level", []string{"--log-level", "loud", "status"}},
		{"--host is missing", []string{"destination", "add", "a"}},
		{"--username is missing", []string{"destination", "add", "a", "--host", "h"}},
		{"port 70000", []string{"destination", "add", "a", "--host", "h", "--username", "u", "--port", "70000"}},
		{`engine "plesk"`, []string{"destination", "add", "a", "--host", "h", "--username", "u", "--engine", "plesk"}},
		{`name "../x"`, []string{"destination", "add", "../x", "--host", "h", "--username", "u"}},
		{`name ".slotfs"`, []string{"destination", "add", ".slotfs", "--host", "h", "--username", "u"}},
		{"name \"" + strings.Repeat("a", 41), []string{"destination", "add", strings.Repeat("a", 41), "--host", "h", "--username", "u"}},
		{"reindex", []string{"destination", "add", "a", "--host", "h", "--username", "u", "--reindex", "25:00"}},
		{"only one of them", []string{"destination", "add", "a", "--host", "h", "--username", "u", "--password-stdin", "--password-file", "f"}},
		{"destination a: not in", []string{"destination", "test", "a"}},
		{"no destination there", []string{"index"}},
		{"destination a: not in", []string{"index", "a"}},
		{"none.toml: not there", []string{"--config", filepath.Join(w.dir, "none.toml"), "status"}},
		{`unknown mount option "alow_other"`, []string{"mount", "-o", "ro,alow_other", "/mnt"}},
		{"PATH is missing", []string{"cat"}},
		{"not apart from the state directory", []string{"mount", filepath.Join(w.state, "mnt")}},
		{"not apart from the state directory", []string{"mount", w.dir}},
	} {
		w.refused(2, c.want, c.args...)
	}
}

func TestConfigurationErrorsNameFileAndLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Dir(w.config), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.config, []byte("# one\n[destination.a]\nhots = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"status"}, {"index"}, {"destination", "list"}, {"mount", w.mnt}, {"ls"}} {
		w.refused(2, w.config+`:3: unknown key "hots"`, args...)
	}
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	app := newApp(&shell{terminal: &term.Terminal{}})
	for _, c := range []struct{ in, want string }{
		{"status --json", "--json status"},
		{"destination add x --host h --json --port=3", "--json destination add --host h --port=3 -- x"},
		{"ls -l a", "ls -l -- a"},
		{"ls a -l", "ls -l -- a"},
		{"ls -- -l", "ls -- -l"},
		{"--config f cat a b", "--config f cat -- a b"},
		{"cat --config f a", "--config f cat -- a"},
		{"mount /m -o ro,a=b", "mount -o ro,a=b -- /m"},
		{"destination --help", "destination --help"},
		{"index --help", "index --help"},
		{"--version", "--version"},
		{"help", "--help"},
		{"help destination add", "destination add --help"},
		{"destination help", "destination --help"},
		{"cat help", "cat -- help"},
		{"cat -", "cat -- -"},
	} {
		got, err := arrange(app, strings.Fields(c.in))
		if err != nil || !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%q became %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestHelpIsThereForEveryCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, args := range [][]string{{"--help"}, {"destination", "--help"}, {"destination", "add", "--help"}, {"index", "-h"},
		{"mount", "--help"}, {"help", "index"}, {"--version"}} {
		if r := w.must(0, args...); r.out == "" || r.err != "" {
			t.Errorf("%v: %q %q", args, r.out, r.err)
		}
	}
}

func TestMountHelperTakesTheWordsOfMount(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"backups /mnt -o ro,allow_other", "slotfs mount -o fsname=backups,ro,allow_other -- /mnt"},
		{"backups /mnt -v -n -o ro -o noexec,_netdev", "slotfs mount -o fsname=backups,ro,noexec,_netdev -- /mnt"},
		{"-t fuse.slotfs backups /mnt", "slotfs mount -o fsname=backups -- /mnt"},
	} {
		argv, fake, err := helperArguments(strings.Fields(c.in))
		if err != nil || fake || strings.Join(argv, " ") != c.want {
			t.Errorf("%q became %q, %v, %v", c.in, argv, fake, err)
		}
	}
	if _, fake, err := helperArguments([]string{"-sf", "a", "/mnt"}); err != nil || !fake {
		t.Errorf("-f mounts: %v", err)
	}
	for _, in := range []string{"/mnt", "a b c", "a b -o", "a b -x"} {
		if _, _, err := helperArguments(strings.Fields(in)); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}

func TestMountOptions(t *testing.T) {
	o, err := parseMountOptions("rw,_netdev,nofail,x-systemd.automount,comment=x,allow_other,noexec,config=/c,state_dir=/s,log_level=debug,read_deadline=90s,")
	if err != nil || !o.allowOther || o.config != "/c" || o.stateDir != "/s" || o.logLevel != "debug" ||
		o.readDeadline != 90*time.Second || !slices.Equal(o.kernel, []string{"noexec"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, text := range []string{"alow_other", "config=", "ro, rw", "state_dir", "read_deadline", "read_deadline=0s", "read_deadline=5", "read_deadline=-1m", "read_deadline=48h"} {
		if _, err := parseMountOptions(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func FuzzMountOptions(f *testing.F) {
	f.Add("ro,allow_other,config=/etc/x,x-a=b")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseMountOptions(text)
		if err != nil {
			return
		}
		for _, k := range o.kernel {
			if !slices.Contains(kernelOptions, k) {
				t.Errorf("%q hands %q to the kernel", text, k)
			}
		}
	})
}
