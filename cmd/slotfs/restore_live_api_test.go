package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/live"
	"slotfs/cmd/internal/state"
)

// ask asks a service by its control socket.
func (a *liveAccount) ask(method, path, body string, into any) int {
	a.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", state.Dir(a.world.state).Socket())
	}}}
	q, err := http.NewRequestWithContext(a.t.Context(), method, "http://slotfs"+api.Prefix+path, bytes.NewReader([]byte(body)))
	if err != nil {
		a.t.Fatal(err)
	}
	r, err := client.Do(q)
	if err != nil {
		a.t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(into); err != nil && r.StatusCode == http.StatusOK {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r.StatusCode
}

// ended waits for a restore to end.
func (a *liveAccount) ended(s live.State) live.State {
	a.t.Helper()
	for s.Ended == nil {
		time.Sleep(10 * time.Millisecond)
		if code := a.ask("GET", "/live/"+s.ID, "", &s); code != http.StatusOK {
			a.t.Fatalf("%d", code)
		}
	}
	return s
}

func TestAServicePutsPartsBackAndUndoesThat(t *testing.T) {
	t.Parallel()
	a := newLiveAccount(t)
	write(t, a.home+"/public_html/index.php", "live")
	a.ready()
	before := a.everything()
	service := a.amongCommand("serve")
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = service.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = service.Wait()
	}()
	for a.owner() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	restore := func(dry bool, path string) live.State {
		t.Helper()
		var s live.State
		if code := a.ask("POST", "/live", fmt.Sprintf(`{"paths":[%q],"dry_run":%t}`, path, dry), &s); code != http.StatusOK {
			t.Fatalf("%d", code)
		}
		return a.ended(s)
	}
	if s := restore(true, liveSnapshot+"files/public_html"); s.Code != 0 || s.Outcomes[0].Files.Replace != 1 || a.everything() != before {
		t.Errorf("dry run: %+v", s)
	}
	s := restore(false, liveSnapshot+"files/public_html")
	if s.Code != 0 || s.Bytes == 0 || s.Who != "root" || a.everything() == before {
		t.Errorf("%+v", s)
	}
	if s := restore(false, liveSnapshot+"config"); s.Code != 2 || !strings.Contains(s.Error, "not a part") || s.Hint == "" {
		t.Errorf("%+v", s)
	}
	var past []live.Past
	if code := a.ask("GET", "/live-records", "", &past); code != http.StatusOK || len(past) != 1 || past[0].ID != s.Outcomes[0].ID || past[0].Who != "root" || past[0].Until == nil {
		t.Fatalf("%d %+v", code, past)
	}
	var undo live.State
	if code := a.ask("POST", "/live-records/"+past[0].ID+"/undo", "{}", &undo); code != http.StatusOK {
		t.Fatalf("%d", code)
	}
	if undo = a.ended(undo); undo.Code != 0 || a.everything() != before {
		t.Errorf("%+v\n%s", undo, a.everything())
	}
	log, err := os.ReadFile(a.world.state + "/audit/" + time.Now().UTC().Format("2006-01") + ".jsonl")
	if err != nil || strings.Count(string(log), `"restore-live"`) != 1 || strings.Count(string(log), `"undo"`) != 1 {
		t.Errorf("audit records: %s, %v", log, err)
	}
}
