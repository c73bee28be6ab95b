package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/sftpdest/sshdtest"
)

// terminal runs a command on a terminal of its own.
type terminal struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	screen bytes.Buffer
}

func newTerminal(t *testing.T, c *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	err = conn.Control(func(fd uintptr) {
		if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			t.Error(err)
		}
		n, err := unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		if err != nil {
			t.Error(err)
		}
		number = int(n)
	})
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	return &terminal{t: t, master: master, slave: slave}
}

// expect waits until text is on the screen.
func (m *terminal) expect(text string) {
	m.t.Helper()
	b := make([]byte, 4096)
	for !strings.Contains(m.screen.String(), text) {
		m.master.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := m.master.Read(b)
		m.screen.Write(b[:n])
		if err != nil {
			m.t.Fatalf("waiting for %q: %v; the screen has\n%s", text, err, m.screen.String())
		}
	}
}

func (m *terminal) write(text string) {
	m.t.Helper()
	if _, err := m.master.WriteString(text); err != nil {
		m.t.Fatal(err)
	}
}

// echoes reports whether what is typed appears on the screen.
func (m *terminal) echoes() bool {
	m.t.Helper()
	state, err := unix.IoctlGetTermios(int(m.slave.Fd()), unix.TCGETS)
	if err != nil {
		m.t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func TestTerminalIsAskedForHostKeyAndThenForThePassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: w.store, Password: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	c := w.command("destination", "add", "box", "--host", local.Host, "--port", strconv.Itoa(local.Port), "--username", "u", "--keep-password")
	m := newTerminal(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.expect("Is that the server's key? [y/N] ")
	m.write("y\n")
	m.typed("Password of u@127.0.0.1: ", "s3cret")
	m.expect("next: slotfs index box")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if strings.Contains(m.screen.String(), "s3cret") || !m.echoes() {
		t.Errorf("the screen echoes: %v, and shows\n%s", m.echoes(), m.screen.String())
	}
}

// typed answers a question that hides what is typed.
func (m *terminal) typed(question, secret string) {
	m.t.Helper()
	m.expect(question)
	eventually(m.t, "the end of the echo", func() bool { return !m.echoes() })
	m.write(secret + "\n")
}

// home makes the home of a remote user, whose keys a Local takes.
func (w *world) home() (dir, authorized string) {
	w.t.Helper()
	dir = filepath.Join(w.dir, "home")
	if err := os.Mkdir(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	return dir, filepath.Join(dir, ".ssh", "authorized_keys")
}

func TestPasswordIsTypedOnceWhereTheServerAsksForItItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, authorized := w.home()
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: home, Interactive: "s3cret", AuthorizedFile: authorized})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	c := w.command("destination", "add", "box", "--host", local.Host, "--port", strconv.Itoa(local.Port), "--username", "u", "--accept-new-host-key",
		"--log-level", "debug")
	m := newTerminal(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.typed("Password of u@127.0.0.1: ", "s3cret")
	m.expect("next: slotfs index box")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if screen := m.screen.String(); strings.Contains(screen, "s3cret") || strings.Count(screen, "Password of") != 1 || !strings.Contains(screen, "Installed a key") {
		t.Errorf("the screen shows\n%s", screen)
	}
	if said := w.must(0, "destination", "test", "box", "--time", "50ms").out; !strings.Contains(said, "by publickey") {
		t.Errorf("afterwards:\n%s", said)
	}
	if out, err := exec.Command("grep", "-rl", "s3cret", w.dir).Output(); err == nil {
		t.Errorf("the password stands in %s", out)
	}
	w.must(0, "destination", "remove", "box", "--yes", "--remove-key")
	if left, err := os.ReadFile(authorized); err == nil && len(bytes.TrimSpace(left)) > 0 {
		t.Errorf("the key stayed: %s", left)
	}
}

func TestPassphraseIsTypedOnceAndAKeyWithoutOneInstalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, authorized := w.home()
	locked := filepath.Join(w.dir, "locked")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-C", "", "-f", locked).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	line, err := os.ReadFile(locked + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: home, Authorized: strings.TrimSpace(string(line)), AuthorizedFile: authorized})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	// The wrong one first: where the right one was typed the destination is there.
	for _, try := range [][2]string{{"wrong", "the passphrase does not open the key"}, {"open sesame", "next: slotfs index box"}} {
		passphrase, want := try[0], try[1]
		c := w.command("destination", "add", "box", "--host", local.Host, "--port", strconv.Itoa(local.Port), "--username", "u", "--accept-new-host-key",
			"--identity-file", locked, "--log-level", "debug")
		m := newTerminal(t, c)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		m.typed("Passphrase of "+locked+": ", passphrase)
		m.expect(want)
		c.Wait()
		if screen := m.screen.String(); strings.Contains(screen, passphrase+"\r") || strings.Count(screen, "Passphrase of") != 1 {
			t.Errorf("the screen shows\n%s", screen)
		}
	}
	if err := os.Remove(locked); err != nil {
		t.Fatal(err)
	}
	w.must(0, "destination", "test", "box", "--time", "50ms")
}

func TestInterruptAtThePasswordPromptTurnsTheEchoOnAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: w.store, Password: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	c := w.command("destination", "add", "box", "--host", local.Host, "--port", strconv.Itoa(local.Port), "--username", "u", "--accept-new-host-key")
	m := newTerminal(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.expect("Password of u@127.0.0.1: ")
	eventually(t, "the end of the echo", func() bool { return !m.echoes() })
	m.write("\x03")
	m.expect("slotfs: interrupted")
	c.Wait()
	if c.ProcessState.ExitCode() != 130 || !m.echoes() {
		t.Errorf("exit code %d, echo %v", c.ProcessState.ExitCode(), m.echoes())
	}
}

func TestRefusedHostKeyAddsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	args := w.addArgs("a")
	c := w.command(args[:len(args)-1]...)
	m := newTerminal(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.expect("[y/N] ")
	m.write("\n")
	m.expect("host key: refused")
	c.Wait()
	if data, _ := os.ReadFile(w.config); c.ProcessState.ExitCode() != 6 || len(data) > 0 {
		t.Errorf("exit code %d", c.ProcessState.ExitCode())
	}
}

func TestPassOnATerminalIsALiveBlockThatLeavesTheSummary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	c := w.command("index")
	m := newTerminal(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.expect("\x1b[J")
	m.expect("offsite: 1 backup found: 1 read, 0 unchanged")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestWrongPasswordIsTypedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home, authorized := w.home()
	local, err := sshdtest.StartLocal(sshdtest.LocalOptions{Root: home, Password: "s3cret", AuthorizedFile: authorized})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	c := w.command("destination", "add", "box", "--host", local.Host, "--port", strconv.Itoa(local.Port), "--username", "u", "--accept-new-host-key")
	m := newTerminal(t, c)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	m.typed("Password of u@127.0.0.1: ", "s3cre")
	m.expect("again")
	m.typed("Password of u@127.0.0.1: ", "s3cret")
	m.expect("next: slotfs index box")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(authorized); err != nil || !strings.Contains(string(data), "slotfs-box@") {
		t.Errorf("%s, %v", data, err)
	}
}
