package fleet

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/api"
)

func TestWhatIsWrongIsCounted(t *testing.T) {
	older, newer := time.Unix(1000, 0), time.Unix(2000, 0)
	r := &api.Report{Version: "1", Destinations: []api.DestinationReport{{Newest: &newer}, {}, {Newest: &older}}}
	for _, e := range []alarm.Event{alarm.Silence, alarm.Silence, alarm.Failed, alarm.Partial, alarm.Unreachable, alarm.HostKey, alarm.Verify, alarm.Poorer, alarm.NearlyFull, alarm.Gone} {
		r.Wrong = append(r.Wrong, alarm.Finding{Key: alarm.Key{Event: e}, Text: string(e)})
	}
	got := (&Status{Host: "web1", Report: r}).Summary()
	if got.Overdue != 2 || got.Failing != 5 || got.Poorer != 1 || got.Full != 1 || got.Gone != 1 || len(got.Wrong) != 10 || !got.Newest.Equal(newer) {
		t.Errorf("got %+v", got)
	}
	silent := (&Status{Host: "web2", Err: errors.New("down")}).Summary()
	if silent.Error != "down" || silent.Version != "" {
		t.Errorf("got %+v", silent)
	}
}

func TestSSHIsAskedForTheControlSocket(t *testing.T) {
	for text, want := range map[string]string{
		"ssh://root@web1":            "-L /l:/var/lib/slotfs/control.sock -l root -- web1",
		"ssh://web1:2222/srv/slotfs": "-L /l:/srv/slotfs/control.sock -p 2222 -- web1",
		"ssh://[::1]/":               "-L /l:/var/lib/slotfs/control.sock -- ::1",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		args := sshArgs(u, "/l")
		if got := strings.Join(args, " "); !strings.HasSuffix(got, want) || !slices.Contains(args, "BatchMode=yes") {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestTheTokenIsFoundInALinkAndAlone(t *testing.T) {
	for text, want := range map[string]string{
		"https://web1:8480/login#abc-_9\n": "abc-_9", "abc-_9": "abc-_9", " abc-_9 \nmore\n": "abc-_9", "": "",
	} {
		if got := tokenIn(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestTheLastLineIsWhatSSHSaid(t *testing.T) {
	s := &tail{}
	if s.String() != "it ended" {
		t.Errorf("silent: %q", s)
	}
	for _, part := range []string{"Warning: perm", "anently added\r\nssh: connect to ho", "st web1: refused\r\n"} {
		s.Write([]byte(part))
	}
	if s.String() != "ssh: connect to host web1: refused" {
		t.Errorf("got %q", s)
	}
	s.Write([]byte(strings.Repeat("x", 1<<20)))
	if len(s.line) > maxLine {
		t.Errorf("%d bytes are kept", len(s.line))
	}
}
