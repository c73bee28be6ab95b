package send

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"mime/quotedprintable"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"slotfs/cmd/internal/exit"
)

// mail is the machine's own sendmail, as Postfix, Exim, Sendmail and OpenSMTPD have it.
type mail struct {
	to   string
	find func() (string, error)
}

var _ Sender = (*mail)(nil)

// sendmails are where sendmail lies; cron and systemd have no sbin in their path everywhere.
var sendmails = []string{"/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/local/sbin/sendmail"}

// errNoSendmail says that this machine cannot send mail.
var errNoSendmail = errors.New("there is no sendmail on this machine")

func findSendmail() (string, error) {
	if path, err := exec.LookPath("sendmail"); err == nil {
		return path, nil
	}
	for _, path := range sendmails {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", exit.Hinted(errNoSendmail, "install a mail server that has one, or use url = \"smtp://...\"")
}

// Send implements Sender.
func (s *mail) Send(ctx context.Context, m Message) error {
	path, err := s.find()
	if err != nil {
		return err
	}
	body, err := s.compose(m, time.Now())
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "-t", "-i")
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), nil, &limited{buffer: &said}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return ended(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it is done, and left something running that holds its output
	case errors.Is(err, fs.ErrPermission):
		return hinted(fmt.Errorf("sendmail: %w", err))
	case err != nil:
		return exit.Hinted(fmt.Errorf("sendmail: %w: %s", err, oneLine(lastLine(said.String()))), "look into the log of this machine's mail server")
	}
	return nil
}

// compose is the message as sendmail -t takes it (RFC 5322).
func (s *mail) compose(m Message, now time.Time) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "To: %s\nSubject: %s\nDate: %s\n", s.to, mime.QEncoding.Encode("utf-8", oneLine(m.Subject)), now.Format(time.RFC1123Z))
	b.WriteString("Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(m.Text + "\n")); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	// A program on this machine wants this machine's ends of lines.
	return bytes.ReplaceAll(b.Bytes(), []byte("\r\n"), []byte("\n")), nil
}

// limited keeps the beginning of what a program says.
type limited struct{ buffer *bytes.Buffer }

const mostSaid = 64 << 10

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	l.buffer.Write(p[:min(len(p), max(0, mostSaid-l.buffer.Len()))])
	return len(p), nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
