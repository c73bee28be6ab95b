package send

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
)

var hello = Message{Subject: "slotfs on box: 2 backups failed — nightly", Text: "nightly/alice: failed\nnightly/böb: failed"}

// listener is an HTTP server that keeps what it is told.
func listener(t *testing.T, status int) (address string, got func() []string) {
	t.Helper()
	var mu sync.Mutex // guards told
	var told []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		told = append(told, r.Method+" "+r.URL.RequestURI()+" |"+string(body))
		mu.Unlock()
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error": "not with %s"}`, r.URL.RequestURI())
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(told)
	}
}

func mustNew(t *testing.T, n *config.Notify) Sender {
	t.Helper()
	s, err := New(n, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestServicesGetTheMessage(t *testing.T) {
	address, got := listener(t, 200)
	for _, url := range []string{"generic://" + address + "/hook?disabletls=yes", "ntfy://" + address + "/topic?scheme=http"} {
		if err := mustNew(t, &config.Notify{URL: url}).Send(t.Context(), hello); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	all := got()
	if len(all) != 2 || !strings.Contains(all[0], "POST /hook") || !strings.Contains(all[0], "nightly/böb: failed") ||
		!strings.Contains(all[1], "/topic") || !strings.Contains(all[1], "nightly/alice: failed") {
		t.Errorf("told %q", all)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	address, _ := listener(t, 500)
	closed := httptest.NewServer(nil)
	closed.Close()
	gone := strings.TrimPrefix(closed.URL, "http://")
	for _, url := range []string{
		"generic://" + address + "/TOPSECRET/more?disabletls=yes&token=TOPSECRET2&$k=TOP%20SECRET3",
		"generic://" + gone + "/TOPSECRET?disabletls=yes",
		"ntfy://TOPSECRETuser:TOPSECRETpass@" + address + "/TOPSECRETtopic?scheme=http",
		"ntfy://u:TOPSECRETpass@" + gone + "/TOPSECRETtopic?scheme=http",
		"smtp://TOPSECRETuser:TOPSECRETpass@" + gone + "/?from=a@example.com&to=b@example.com&timeout=2s",
		"telegram://TOPSECRET@telegram?chats=TOPSECRET",
		"slack://hook:TOPSECRET@webhook",
		"teams://TOPSECRET",
		"discord://TOPSECRET",
		"nosuch://TOPSECRET@x/TOPSECRET",
		"gotify://" + gone + "/TOPSECRET?disabletls=yes",
		"matrix://TOPSECRETuser:TOPSECRETpass@" + gone + "/?rooms=TOPSECRET&disableTLS=yes",
		"http://TOPSECRET/",
	} {
		s, err := New(&config.Notify{URL: url}, "")
		if err == nil {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			err = s.Send(ctx, hello)
			cancel()
		}
		if err == nil {
			t.Errorf("%s: no error", url)
			continue
		}
		text := err.Error() + exit.Hint(err)
		if strings.Contains(text, "TOP") || strings.Contains(text, "\n") || exit.Hint(err) == "" {
			t.Errorf("%s: %s, hint %q", url, err, exit.Hint(err))
		}
	}
}

func TestHintsFollowWhatIsWrong(t *testing.T) {
	for status, want := range map[int]string{500: "in trouble", 503: "in trouble", 429: "asks to wait", 404: "correct its table", 401: "correct its table"} {
		address, _ := listener(t, status)
		err := mustNew(t, &config.Notify{URL: "generic+http://" + address + "/hook"}).Send(t.Context(), hello)
		if err == nil || !strings.Contains(exit.Hint(err), want) {
			t.Errorf("%d: %v, hint %q", status, err, exit.Hint(err))
		}
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	err := mustNew(t, &config.Notify{URL: "generic+" + closed.URL + "/hook"}).Send(t.Context(), hello)
	if err == nil || !strings.Contains(exit.Hint(err), "whether the service is there") {
		t.Errorf("%v, hint %q", err, exit.Hint(err))
	}
}

func TestURLsOfNoServiceAreKnownBeforeAnythingIsSent(t *testing.T) {
	for url, sound := range map[string]bool{"": true, "ntfy://ntfy.sh/topic": true, "generic+https://h/x": true, "smtp://h": true, "teams://TOPSECRET": true, "matrix://u:p@h": true,
		"ntfyy://TOPSECRET/topic": false, "logger://": false, "https://TOPSECRET/hook": false, "TOPSECRET": false} {
		err := Check(url)
		if (err == nil) != sound || err != nil && (strings.Contains(err.Error(), "TOPSECRET") || exit.Hint(err) == "") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestServiceThatHangsEndsWithTheContext(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer s.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := mustNew(t, &config.Notify{URL: "generic://" + strings.TrimPrefix(s.URL, "http://") + "/?disabletls=yes"}).Send(ctx, hello)
	if err == nil || !strings.Contains(err.Error(), "no answer in time") || exit.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

// smtpServer takes one mail without encryption and gives what it was told.
func smtpServer(t *testing.T) (address string, told <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		var all strings.Builder
		say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
		say("220 here")
		for in, data := bufio.NewScanner(c), false; in.Scan(); {
			line := in.Text()
			all.WriteString(line + "\n")
			switch {
			case line == "." && data:
				data = false
				say("250 ok")
			case data:
			case strings.HasPrefix(line, "EHLO"):
				say("250 here")
			case line == "DATA":
				data = true
				say("354 go on")
			case line == "QUIT":
				say("221 bye")
				out <- all.String()
				return
			default:
				say("250 ok")
			}
		}
	}()
	return l.Addr().String(), out
}

func TestMailGoesBySMTP(t *testing.T) {
	address, told := smtpServer(t)
	url := "smtp://" + address + "/?from=slotfs@example.com&to=ops@example.com&encryption=None&usestarttls=no"
	if err := mustNew(t, &config.Notify{URL: url}).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if got := <-told; !strings.Contains(got, "RCPT TO:<ops@example.com>") || !strings.Contains(got, "Subject: ") || !strings.Contains(got, "nightly/alice") {
		t.Errorf("told %s", got)
	}
}

// script writes an executable.
func script(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSendmailGetsAWholeMail(t *testing.T) {
	dir := t.TempDir()
	path := script(t, "sendmail", `echo "$@" > `+dir+`/args; cat > `+dir+`/mail`)
	s := &mail{to: "ops@example.com, b@example.com", find: func() (string, error) { return path, nil }}
	if err := s.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	args, _ := os.ReadFile(dir + "/args")
	mail, _ := os.ReadFile(dir + "/mail")
	head, body, _ := strings.Cut(string(mail), "\n\n")
	if string(args) != "-t -i\n" || !strings.HasPrefix(head, "To: ops@example.com, b@example.com\nSubject: =?utf-8?q?") ||
		!strings.Contains(head, "Auto-Submitted: auto-generated") || body != "nightly/alice: failed\nnightly/b=C3=B6b: failed\n" {
		t.Errorf("args %q, mail\n%s", args, mail)
	}
}

func TestSendmailThatFailsOrHangsOrIsNotThere(t *testing.T) {
	failing := script(t, "sendmail", "echo first >&2; echo 'mailbox is full' >&2; exit 75\n")
	s := &mail{to: "a@b", find: func() (string, error) { return failing, nil }}
	if err := s.Send(t.Context(), hello); err == nil || !strings.Contains(err.Error(), "mailbox is full") || exit.Hint(err) == "" {
		t.Errorf("%v", err)
	}
	hanging := script(t, "sendmail", "sleep 1000 & sleep 1000\n")
	s = &mail{to: "a@b", find: func() (string, error) { return hanging, nil }}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Send(ctx, hello); err == nil || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("%v", err)
	}
	t.Setenv("PATH", t.TempDir())
	before := sendmails
	sendmails = []string{filepath.Join(t.TempDir(), "sendmail")}
	defer func() { sendmails = before }()
	if err := mustNew(t, &config.Notify{Sendmail: "a@b"}).Send(t.Context(), hello); err == nil || exit.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

func TestCommandReadsTheMessage(t *testing.T) {
	dir := t.TempDir()
	s := mustNew(t, &config.Notify{Command: `cat > ` + dir + `/text; echo "$SLOTFS_SUBJECT" > ` + dir + `/subject`})
	if err := s.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(dir + "/text")
	subject, _ := os.ReadFile(dir + "/subject")
	if string(text) != hello.Text+"\n" || string(subject) != hello.Subject+"\n" {
		t.Errorf("%q %q", subject, text)
	}
	long := Message{Subject: "s", Text: strings.Repeat("x", 1<<20)}
	if err := mustNew(t, &config.Notify{Command: "exit 0"}).Send(t.Context(), long); err != nil {
		t.Errorf("a command that does not read: %v", err)
	}
	err := mustNew(t, &config.Notify{Command: "TOKEN=TOPSECRET; echo nobody is there; exit 9"}).Send(t.Context(), hello)
	if err == nil || !strings.Contains(err.Error(), "nobody is there") || strings.Contains(err.Error(), "TOPSECRET") {
		t.Errorf("%v", err)
	}
}

func TestPingsTellStartSuccessAndFailure(t *testing.T) {
	address, got := listener(t, 200)
	for _, s := range []Signal{Start, Fail, Success} {
		if err := Ping(t.Context(), "http://"+address+"/UUID?rid=1", s, "why"); err != nil {
			t.Error(err)
		}
	}
	want := []string{"POST /UUID/start?rid=1 |why", "POST /UUID/fail?rid=1 |why", "POST /UUID?rid=1 |why"}
	if all := got(); !slices.Equal(all, want) {
		t.Errorf("told %q", all)
	}
}

func TestPingThatFailsHidesItsURL(t *testing.T) {
	address, got := listener(t, 503)
	err := Ping(t.Context(), "http://"+address+"/TOPSECRET", Success, "")
	if err == nil || strings.Contains(err.Error(), "TOPSECRET") || !strings.Contains(err.Error(), "503") || len(got()) != pingTries {
		t.Errorf("%v after %d tries", err, len(got()))
	}
	for _, url := range []string{"http://127.0.0.1:1/TOPSECRET", "http://h.invalid/TOPSECRET", "http://[::1/TOPSECRET"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := Ping(ctx, url, Start, ""); err == nil || strings.Contains(err.Error(), "/TOPSECRET") {
			t.Errorf("%v", err)
		}
		cancel()
	}
}

func TestSiteShowsNoSecret(t *testing.T) {
	for url, want := range map[string]string{"https://hc-ping.com/UUID": "https://hc-ping.com/***", "https://u:p@h/x?y=z": "https://h/***", "::": "***"} {
		if got := Site(url); got != want {
			t.Errorf("%s shows %s", url, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("generic://user:password@h/secret?token=value")
	f.Fuzz(func(t *testing.T, url string) {
		for _, s := range secrets(url) {
			if len(s) < leastSecret {
				t.Errorf("%q is hidden", s)
			}
		}
		if len(url) >= leastSecret && strings.Contains(redact("error: "+url, secrets(url)), url) {
			t.Errorf("%q is shown", url)
		}
	})
}
