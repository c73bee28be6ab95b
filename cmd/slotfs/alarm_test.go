package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/service/history"
)

// hook is an HTTP server that keeps what it is told.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	told   []string // path and body
	status int
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: 200}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = append(h.told, r.URL.Path+" "+string(body))
		w.WriteHeader(h.status)
	}))
	t.Cleanup(h.Close)
	return h
}

// take gives what it was told since the last time.
func (h *hook) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told
	h.told = nil
	return told
}

func (h *hook) answers(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

// configure adds to the configuration.
func (w *world) configure(text string) {
	w.t.Helper()
	data, err := os.ReadFile(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.config, append(data, text...), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// nightly adds a job whose command before fails for an account while FILE is there, and alarms to h.
func (w *world) nightly(h *hook, more string) (broken string) {
	w.t.Helper()
	home := w.box()
	broken = filepath.Join(w.dir, "broken")
	w.must(0, "job", "add", "nightly", "--destination", "box", "--source", home+"/*", "--retention", "2", "--ping", h.URL+"/PINGSECRET",
		"--before", `if [ "$SLOTFS_ACCOUNT" = bob ] && [ -e `+broken+` ]; then echo disk on fire; exit 1; fi`)
	w.configure("\n[notify.hook]\nurl = \"generic://" + strings.TrimPrefix(h.URL, "http://") + "/HOOKSECRET?disabletls=yes\"\n" + more)
	return broken
}

func TestANightIsOneMessageInEveryWayAndOneWhenItIsGoodAgain(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), newHook(t)
	bin := filepath.Join(w.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin+"/sendmail", []byte("#!/bin/sh\ncat >> "+w.dir+"/mail\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.path = bin + ":" + w.path
	prom := filepath.Join(w.dir, "slotfs.prom")
	broken := w.nightly(h, "[notify.mail]\nsendmail = \"ops@example.com\"\nevents = [\"failed\"]\n[notify.script]\ncommand = \"cat >> "+w.dir+"/script\"\n"+
		"[notify.other]\ncommand = \"cat >> "+w.dir+"/other\"\nevents = [\"silence\"]\n[metrics]\ntextfile = \""+prom+"\"\n")
	w.must(0, "sync")
	if told := h.take(); len(told) != 2 || !strings.HasPrefix(told[0], "/PINGSECRET/start ") || !strings.HasPrefix(told[1], "/PINGSECRET job nightly: 0 of 2") {
		t.Errorf("a good night tells %q", told)
	}
	if r := w.must(0, "status", "--check"); !strings.HasPrefix(r.out, "SLOTFS OK - 1 job and 1 destination have good backups | wrong=0") || strings.Count(r.out, "\n") != 1 {
		t.Errorf("check: %s", r.out)
	}
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(3, "sync")
	told := h.take()
	if len(told) != 3 || !strings.HasPrefix(told[1], "/PINGSECRET/fail job nightly: 1 of 2 accounts failed\nnightly/bob: command before") ||
		!strings.HasPrefix(told[2], "/HOOKSECRET nightly/bob: backup failed: command before: exit status 1: disk on fire") {
		t.Errorf("a bad night tells %q", told)
	}
	for name, want := range map[string]string{"mail": "Subject: slotfs on ", "script": "nightly/bob: backup failed"} {
		if data, _ := os.ReadFile(filepath.Join(w.dir, name)); !strings.Contains(string(data), want) {
			t.Errorf("%s got %q", name, data)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "other")); err == nil {
		t.Error("who wants silence only heard of a failure")
	}
	if r := w.must(2, "status", "--check"); !strings.HasPrefix(r.out, "SLOTFS CRITICAL - nightly/bob: backup failed") {
		t.Errorf("check: %s", r.out)
	}
	if r := w.must(0, "status"); !strings.Contains(r.out, "\nwrong:\n  nightly/bob: backup failed") {
		t.Errorf("status: %s", r.out)
	}
	text, err := os.ReadFile(prom)
	if err != nil || !strings.Contains(string(text), `slotfs_backup_failing{account="bob",destination="box",job="nightly"} 1`) ||
		!strings.Contains(string(text), `slotfs_alarms{event="failed"} 1`) || !strings.Contains(string(text), `slotfs_destination_free_bytes{destination="box"}`) {
		t.Errorf("metrics %v:\n%s", err, text)
	}
	w.must(3, "sync")
	if told := h.take(); len(told) != 2 {
		t.Errorf("the same is told again: %q", told)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	w.must(0, "sync")
	if told := h.take(); len(told) != 3 || !strings.HasPrefix(told[2], "/HOOKSECRET good again:\nnightly/bob") {
		t.Errorf("a good night after it tells %q", told)
	}
	w.must(0, "status", "--check")
}

func TestHistoryShowsWhatWasDone(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), newHook(t)
	broken := w.nightly(h, "")
	w.must(0, "sync")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(3, "sync")
	w.must(0, "index")
	w.must(0, "verify", "nightly")
	w.must(0, "sync", "--dry-run")
	w.must(0, "index", "--rebuild")
	records := func(args ...string) (got []history.Record) {
		if err := json.Unmarshal([]byte(w.must(0, append([]string{"history", "--json"}, args...)...).out), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	kinds := map[history.Kind]int{}
	for _, r := range records() {
		kinds[r.Kind]++
	}
	if kinds[history.Backup] != 4 || kinds[history.Run] != 2 || kinds[history.Pass] != 2 || kinds[history.Verify] != 2 {
		t.Errorf("records %v", kinds)
	}
	bob := records("bob")
	if len(bob) != 3 || bob[0].Result != history.Complete || bob[0].Files != 1 || bob[0].SentB == 0 || bob[1].Result != history.Failed ||
		!strings.Contains(bob[1].Error, "disk on fire") || bob[2].Kind != history.Verify {
		t.Errorf("bob %+v", bob)
	}
	if got := records("nightly", "--failed"); len(got) != 2 {
		t.Errorf("what failed: %+v", got)
	}
	if r := w.must(0, "history", "box"); !strings.Contains(r.out, "nightly/alice") || !strings.Contains(r.out, "disk on fire") {
		t.Errorf("%s", r.out)
	}
	w.refused(2, "no job, destination or account nobody", "history", "nobody")
	w.refused(2, "--since", "history", "--since", "never")
}

func TestWhatWatchesDelaysAndBreaksNoBackup(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), newHook(t)
	h.answers(500)
	broken := w.nightly(h, "[metrics]\ntextfile = \"/proc/none/slotfs.prom\"\n")
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := w.must(3, "sync")
	for _, want := range []string{"slotfs: job nightly: ping " + h.URL + "/***: the service answered 500", "alarm not delivered", "slotfs: metrics: text file /proc/none/slotfs.prom not written: no such file or directory"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("%q is not in\n%s", want, r.err)
		}
	}
	status := w.must(0, "status")
	if !strings.Contains(status.out, "alarms do not arrive by hook (generic): ") {
		t.Errorf("status:\n%s", status.out)
	}
	test := w.run("notify", "test", "hook")
	if test.code != 1 || !strings.Contains(test.err, "notify hook: generic: ") || !strings.Contains(test.err, "hint: ") {
		t.Errorf("%+v", test)
	}
	for _, text := range []string{r.err, r.out, status.out, test.err, w.must(0, "job", "show", "nightly").out, w.must(0, "--json", "job", "show", "nightly").out,
		w.must(0, "--json", "status").out} {
		if strings.Contains(text, "SECRET") {
			t.Errorf("a secret is shown:\n%s", text)
		}
	}
	if _, err := os.Stat(filepath.Join(w.store, "nightly/alice/slot-01/data/public_html/index.php")); err != nil {
		t.Errorf("there is no backup: %v", err)
	}
	h.answers(200)
	h.take()
	w.must(3, "sync")
	if told := h.take(); len(told) != 3 || !strings.HasPrefix(told[2], "/HOOKSECRET nightly/bob") {
		t.Errorf("what could not be told is told later: %q", told)
	}
	if r := w.must(0, "notify", "test", "hook"); !strings.Contains(r.out, "hook: sent by generic") || len(h.take()) != 1 {
		t.Errorf("%+v", r)
	}
	w.refused(2, "notify nobody: not in", "notify", "test", "nobody")
}

func TestCheckIsUnknownWhereItCannotLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if r := w.must(3, "status", "--check"); !strings.HasPrefix(r.out, "SLOTFS UNKNOWN - no destination is configured") {
		t.Errorf("%+v", r)
	}
	w.configure("[nonsense]\n")
	if r := w.must(3, "status", "--check"); !strings.HasPrefix(r.out, "SLOTFS UNKNOWN - ") || r.err != "" {
		t.Errorf("%+v", r)
	}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestMountWatchesWhenNothingRuns(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), newHook(t)
	w.nightly(h, "")
	w.backup("alice", "2026-01-05")
	w.must(0, w.addArgs("offsite")...)
	address := freeAddress(t)
	w.configure(fmt.Sprintf("[metrics]\nlisten = %q\n", address))
	w.must(0, "index", "offsite")
	h.take()
	// Somebody wrote the configuration long ago, and nothing has run since.
	long := time.Now().Add(-72 * time.Hour)
	if err := os.Chtimes(w.config, long, long); err != nil {
		t.Fatal(err)
	}
	w.mount()
	var told []string
	eventually(t, "silence is told", func() bool { told = append(told, h.take()...); return len(told) > 0 })
	if !strings.Contains(strings.Join(told, "\n"), "job nightly: no good backup of any account yet") {
		t.Errorf("told %q", told)
	}
	path := filepath.Join(w.mnt, "offsite/accounts/alice/2026-01-05/files/public_html/index.php")
	if _, err := os.ReadFile(path); err != nil {
		t.Error(err)
	}
	scrape := func() string {
		res, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return string(body)
	}
	var text string
	eventually(t, "destinations are looked at", func() bool {
		text = scrape()
		return strings.Contains(text, `slotfs_destination_up{destination="offsite"} 1`) && strings.Contains(text, `slotfs_destination_size_bytes{destination="box"}`)
	})
	for _, want := range []string{"slotfs_mount_up 1", `slotfs_snapshots{destination="offsite",status="complete"} 1`, `slotfs_read_duration_seconds_count{destination="offsite",result="ok"}`,
		"slotfs_index_bytes ", `slotfs_destination_connections{destination="offsite"} 1`, `slotfs_destination_round_trip_seconds{destination="offsite"} `, "slotfs_cache_limit_bytes ", `slotfs_alarms{event="silence"} `} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	var r api.Report
	if err := json.Unmarshal([]byte(w.must(0, "--json", "status").out), &r); err != nil || len(r.Notifiers) != 1 || r.Notifiers[0].LastSent == nil || len(r.Wrong) == 0 {
		t.Errorf("status %+v, %v", r, err)
	}
}
