package alarm

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/alarm/send"
	"slotfs/cmd/internal/service/history"
)

// inbox keeps messages, or refuses them.
type inbox struct {
	got []send.Message
	err error
}

func (b *inbox) Send(_ context.Context, m send.Message) error {
	if b.err == nil {
		b.got = append(b.got, m)
	}
	return b.err
}

// office is a desk with one notifier, whose clock stands until it is moved.
type office struct {
	*Desk
	inbox inbox
	now   time.Time
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{now: noon}
	o.Desk = &Desk{Dir: t.TempDir(), Host: "web1", Now: func() time.Time { return o.now },
		Config: &config.Config{Notify: map[string]*config.Notify{"ops": {Name: "ops", MinInterval: 15 * time.Minute}}},
		Sender: func(*config.Notify) (send.Sender, error) { return &o.inbox, nil }}
	return o
}

// tell tells of findings and gives the messages that come of it.
func (o *office) tell(t *testing.T, all ...Finding) []send.Message {
	t.Helper()
	o.inbox.got = nil
	for _, err := range o.Tell(t.Context(), &Report{All: all}) {
		if o.inbox.err == nil || !errors.Is(err, o.inbox.err) {
			t.Fatal(err)
		}
	}
	return o.inbox.got
}

func failure(object string) Finding {
	return Finding{Key: Key{Failed, object}, Destination: "box", Job: "nightly", Since: noon, Text: object + ": backup failed"}
}

func fine(f Finding) Finding { f.Fine = true; return f }

func TestOneMessageForANightAndOneWhenItIsGoodAgain(t *testing.T) {
	o := newOffice(t)
	var night []Finding
	for i := range 30 {
		night = append(night, failure(fmt.Sprintf("nightly/a%02d", i)))
	}
	got := o.tell(t, night...)
	if len(got) != 1 || got[0].Subject != "slotfs on web1: 30 failures" || !strings.Contains(got[0].Text, "nightly/a00: backup failed\n") ||
		!strings.Contains(got[0].Text, "... and 10 more") {
		t.Fatalf("%q", got)
	}
	o.now = noon.Add(time.Hour)
	if got := o.tell(t, night...); got != nil {
		t.Errorf("told twice: %q", got)
	}
	for i := range night[1:] {
		night[1+i].Fine = true
	}
	got = o.tell(t, night...)
	if len(got) != 1 || got[0].Subject != "slotfs on web1: good again: nightly/a01, nightly/a02, nightly/a03 and 26 more" ||
		!strings.Contains(got[0].Text, "still wrong, told before: 1") {
		t.Errorf("%q", got)
	}
	o.now = noon.Add(2 * time.Hour)
	if got := o.tell(t); len(got) != 1 || got[0].Subject != "slotfs on web1: no longer watched: nightly/a00" {
		t.Errorf("%q", got)
	}
}

func TestMessagesKeepTheirDistance(t *testing.T) {
	o := newOffice(t)
	o.tell(t, failure("a"))
	o.now = noon.Add(5 * time.Minute)
	if got := o.tell(t, failure("a"), failure("b")); got != nil {
		t.Errorf("too soon: %q", got)
	}
	o.Last = true
	if got := o.tell(t, failure("a"), failure("b")); len(got) != 1 || strings.Contains(got[0].Text, "a: backup") {
		t.Errorf("nobody comes back, but: %q", got)
	}
	o.Last, o.now = false, noon.Add(-time.Hour)
	if got := o.tell(t, failure("a"), fine(failure("b"))); len(got) != 1 {
		t.Errorf("a clock that was set back keeps messages: %q", got)
	}
}

func TestWhatCannotBeDeliveredIsTriedAgainAndNotForgotten(t *testing.T) {
	o := newOffice(t)
	o.inbox.err = exit.Hinted(errors.New("500"), "mend it")
	o.tell(t, failure("a"), failure("b"))
	s, err := Load(o.Dir)
	if told := s.Notifiers["ops"]; err != nil || told.Tries != 1 || told.Error != "500" || told.Hint != "mend it" || !told.NextTry.Equal(noon.Add(time.Minute)) {
		t.Fatalf("%+v, %v", told, err)
	}
	o.inbox.err = nil
	if got := o.tell(t, failure("a"), failure("b")); got != nil {
		t.Errorf("tried at once: %q", got)
	}
	o.now = noon.Add(2 * time.Minute)
	got := o.tell(t, failure("a"), fine(failure("b")))
	if len(got) != 1 || !strings.HasPrefix(got[0].Text, "a: backup failed\n") || !strings.Contains(got[0].Text, "could not be told before):\nb: backup failed") {
		t.Errorf("%q", got)
	}
	if s, _ := Load(o.Dir); s.Notifiers["ops"].Tries != 0 || s.Notifiers["ops"].Error != "" || len(s.Notifiers["ops"].Wrong) != 1 {
		t.Errorf("%+v", s.Notifiers["ops"])
	}
	o.now = noon.Add(time.Hour)
	if got := o.tell(t, failure("a")); got != nil {
		t.Errorf("what was missed is told twice: %q", got)
	}
}

func TestTriesBackOff(t *testing.T) {
	o := newOffice(t)
	o.inbox.err = errors.New("no")
	tries := 0
	for range 24 * 60 {
		before, _ := Load(o.Dir)
		o.tell(t, failure("a"))
		after, _ := Load(o.Dir)
		if after.Notifiers["ops"].Tries != 0 && (before.Notifiers["ops"] == nil || before.Notifiers["ops"].Tries != after.Notifiers["ops"].Tries) {
			tries++
		}
		o.now = o.now.Add(time.Minute)
	}
	if tries < 20 || tries > 40 {
		t.Errorf("%d tries in a day", tries)
	}
}

func TestFiltersDecideWhoHears(t *testing.T) {
	f, silent := failure("a"), failure("b")
	silent.Event, silent.Job, silent.Destination = Silence, "", "offsite"
	for _, c := range []struct {
		n    config.Notify
		want bool
	}{
		{config.Notify{}, true}, {config.Notify{Events: []string{"failed"}}, true}, {config.Notify{Events: []string{"silence"}}, false},
		{config.Notify{Jobs: []string{"nightly"}}, true}, {config.Notify{Jobs: []string{"other"}}, false},
		{config.Notify{Destinations: []string{"box"}}, true}, {config.Notify{Destinations: []string{"offsite"}}, false},
		{config.Notify{Destinations: []string{"offsite"}, Jobs: []string{"nightly"}}, true},
	} {
		if wants(&c.n, &f) != c.want {
			t.Errorf("%+v", c.n)
		}
	}
	if wants(&config.Notify{Jobs: []string{"nightly"}}, &silent) {
		t.Error("what belongs to no job goes to those who want one")
	}
}

func TestPendingAndUnseenFindingsSayNothing(t *testing.T) {
	o := newOffice(t)
	pending := failure("a")
	pending.Pending = true
	if got := o.tell(t, pending); got != nil {
		t.Errorf("%q", got)
	}
	o.tell(t, failure("a"))
	o.now = noon.Add(time.Hour)
	if got := o.tell(t, fine(pending)); got != nil {
		t.Errorf("%q", got)
	}
	o.inbox.got = nil
	if err := o.Tell(t.Context(), &Report{Blind: true}); len(err) != 0 || o.inbox.got != nil {
		t.Errorf("what could not be looked at is called gone: %q, %v", o.inbox.got, err)
	}
	if got := o.tell(t, fine(failure("a"))); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestDamagedStateTellsAgainRatherThanNever(t *testing.T) {
	for _, text := range []string{"", "{", `{"notifiers": {"ops": null}}`, "[]"} {
		o := newOffice(t)
		if err := os.WriteFile(statePath(o.Dir), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := o.tell(t, failure("a")); len(got) != 1 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestServiceThatHangsDelaysNobodyElse(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	o := newOffice(t)
	o.Config.Notify["hangs"] = &config.Notify{Name: "hangs", URL: "generic://" + strings.TrimPrefix(server.URL, "http://") + "/TOPSECRET?disabletls=yes"}
	o.Sender = func(n *config.Notify) (send.Sender, error) {
		if n.Name == "ops" {
			return &o.inbox, nil
		}
		return send.New(n, "")
	}
	o.timeout = 200 * time.Millisecond
	if errs := o.Tell(t.Context(), &Report{All: []Finding{failure("a")}}); len(errs) != 1 || !errors.Is(errs[0], send.ErrTimeout) {
		t.Fatal(errs)
	}
	s, err := Load(o.Dir)
	if err != nil || len(o.inbox.got) != 1 || s.Notifiers["ops"].LastSent.IsZero() || s.Notifiers["hangs"].Error != send.ErrTimeout.Error() {
		t.Errorf("%+v, %v", s.Notifiers["hangs"], err)
	}
}

func TestTwoProcessesTellOneAfterTheOther(t *testing.T) {
	o := newOffice(t)
	release, err := lock(t.Context(), o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := errors.Join(o.Tell(ctx, &Report{All: []Finding{failure("a")}})...); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	release()
	if got := o.tell(t, failure("a")); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestClockThatWasAheadKeepsNoAlarmBack(t *testing.T) {
	o := newOffice(t)
	o.inbox.err = errors.New("down")
	o.now = noon.AddDate(4, 0, 0)
	o.tell(t, failure("nightly/alice"))
	o.now, o.inbox.err = noon, nil
	if got := o.tell(t, failure("nightly/alice")); len(got) != 1 {
		t.Errorf("a clock that was set back: %v", got)
	}
}

// What was put back into a live account is told once, and is neither wrong nor good again.
func TestRestoresIntoLiveAccountsAreToldOnce(t *testing.T) {
	o := newOffice(t)
	news := func(objects ...string) *Report {
		r := &Report{News: []Finding{}}
		for _, object := range objects {
			r.News = append(r.News, Finding{Key: Key{Restored, object}, Since: noon, Text: "root put back " + object})
		}
		return r
	}
	tell := func(r *Report) []send.Message {
		t.Helper()
		o.inbox.got = nil
		o.now = o.now.Add(time.Hour)
		for _, err := range o.Tell(t.Context(), r) {
			t.Fatal(err)
		}
		return o.inbox.got
	}
	if got := tell(news("a", "b")); len(got) != 1 || got[0].Subject != "slotfs on web1: 2 restores into live accounts" || !strings.Contains(got[0].Text, "root put back b") {
		t.Errorf("%q", got)
	}
	for i, r := range []*Report{news("a", "b"), {}, news("b"), news()} {
		if got := tell(r); got != nil {
			t.Errorf("%d: told again: %q", i, got)
		}
	}
	got := tell(&Report{News: news("c").News, All: []Finding{failure("nightly/alice")}})
	if len(got) != 1 || got[0].Subject != "slotfs on web1: 1 failure, 1 restore into a live account" {
		t.Errorf("%q", got)
	}
	if got := tell(&Report{News: news("c", "d").News, All: []Finding{failure("nightly/alice")}}); len(got) != 1 || !strings.Contains(got[0].Text, "told before: 1 ") {
		t.Errorf("what was put back counts as wrong: %q", got)
	}
}

// A clock that jumps, and is set right an hour later, makes one message and one that takes it back, however many accounts there are.
func TestClockThatJumpsIsNoStormOfMessages(t *testing.T) {
	const accounts = 100
	var records []history.Record
	for n := range accounts {
		records = append(records, backupOf(fmt.Sprint("u", n), 3, history.Complete))
	}
	records = append(records, pass(3, history.Complete))
	for _, jump := range []time.Duration{365 * 24 * time.Hour, -4 * 365 * 24 * time.Hour, 27 * time.Hour} {
		o := newOffice(t)
		var messages []string
		for minute := 0; minute < 180; minute += 5 {
			o.now = noon.Add(time.Duration(minute) * time.Minute)
			if minute >= 60 && minute < 120 {
				o.now = o.now.Add(jump)
			}
			f := facts(t)
			f.Now, f.Board = o.now, history.NewBoard(func() time.Time { return o.now })
			for i := range records {
				if err := f.Board.Take(&records[i]); err != nil {
					t.Fatal(err)
				}
			}
			for n := range accounts {
				f.Holdings["offsite"] = append(f.Holdings["offsite"], Account{Name: fmt.Sprint("c", n), Newest: noon.Add(-3 * time.Hour)})
			}
			for _, m := range o.tell(t, Find(f).All...) {
				messages = append(messages, m.Subject+"\n"+m.Text)
			}
		}
		if all := strings.Join(messages, "\n\n"); len(messages) > 2 || strings.Count(all, "\n") > 20 || jump > 0 && len(messages) != 2 {
			t.Errorf("a jump of %v: %d messages\n%s", jump, len(messages), all)
		}
	}
}
