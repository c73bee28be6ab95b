package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/history"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// everything has a value for each metric.
func everything() *Values {
	board := history.NewBoard(func() time.Time { return noon })
	for _, r := range []history.Record{
		{Kind: history.Backup, Destination: "box", Job: "nightly", Account: "alice", Ended: noon, Seconds: 5, Result: history.Complete, Files: 3, Bytes: 4, SentB: 2, Copied: 1},
		{Kind: history.Backup, Destination: "box", Job: "nightly", Account: "b\xff", Ended: noon, Result: history.Failed},
		{Kind: history.Backup, Destination: "box", Job: "nightly", Account: "b\xfe", Ended: noon, Result: history.Partial},
		{Kind: history.Backup, Destination: "old", Job: "nightly", Account: "alice", Ended: noon.AddDate(0, -1, 0), Result: history.Complete},
		{Kind: history.Run, Destination: "box", Job: "nightly", Ended: noon, Seconds: 9, Result: history.Partial},
		{Kind: history.Pass, Destination: "offsite", Ended: noon, Result: history.Complete, Read: 2, Unreadable: 1},
		{Kind: history.Pass, Destination: "offsite", Account: "alice", Ended: noon, Result: history.Complete},
		{Kind: history.Verify, Destination: "box", Job: "nightly", Account: "alice", Ended: noon, Result: history.Partial, Differences: 7},
	} {
		board.Take(&r)
	}
	mounted := true
	return &Values{Version: "1", Board: board, Mounted: &mounted, Alarms: map[string]int{"failed": 1}, Undelivered: map[string]int{"ops": 2},
		Gone:  []Gone{{"nightly", "box", 3}},
		Index: &Index{1, 2, 3, 4}, Cache: &Cache{1, 2, 3, 4},
		Destinations: []Destination{{Name: "box", Indexed: true, Snapshots: map[string]int{"complete": 3}, Slots: map[string]int{"updating": 1}, Accounts: 2, Newest: noon,
			Room: history.Room{At: noon, Free: 1, Size: 2}, Link: &Link{Up: true, Connections: 2, Retries: 3, RoundTrip: time.Millisecond},
			Verified: Verified{noon, noon.AddDate(0, -1, 0), 0.25}}}}
}

// written are all metrics as text.
func written(t *testing.T, v *Values, reads *Reads) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "slotfs.prom")
	if err := Write(path, NewRegistry(func() *Values { return v }, reads)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("node_exporter runs as another user: %v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func someReads() *Reads {
	r := NewReads()
	r.Saw("box", time.Second, 100, nil)
	r.Saw("box", time.Second, 10, io.EOF)
	r.Saw("box", time.Second, 0, context.DeadlineExceeded)
	r.Saw("box", time.Second, 0, errors.New("lost"))
	return r
}

func TestEverythingIsShown(t *testing.T) {
	text := written(t, everything(), someReads())
	for _, want := range []string{
		`slotfs_backup_last_success_timestamp_seconds{account="alice",destination="box",job="nightly"} 1.7959536e+09`,
		`slotfs_backup_failing{account="\"b\\xff\"",destination="box",job="nightly"} 1`,
		`slotfs_backups_total{job="nightly",result="complete"} 2`,
		`slotfs_job_run_duration_seconds{destination="box",job="nightly"} 9`,
		`slotfs_passes_total{destination="offsite",result="complete"} 1`,
		`slotfs_slots{destination="box",phase="updating"} 1`,
		`slotfs_read_duration_seconds_count{destination="box",result="ok"} 2`,
		`slotfs_read_duration_seconds_count{destination="box",result="timeout"} 1`,
		`slotfs_read_bytes_total{destination="box"} 110`,
		`slotfs_verify_last_end_timestamp_seconds{destination="box"} 1.7959536e+09`,
		`slotfs_verify_oldest_read_timestamp_seconds{destination="box"} 1.7932752e+09`,
		`slotfs_scrub_share_per_day{destination="box"} 0.25`,
		`slotfs_job_gone_accounts{destination="box",job="nightly"} 3`,
		`slotfs_destination_up{destination="box"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

func TestNothingIsInventedWhereNothingIsKnown(t *testing.T) {
	text := written(t, &Values{Version: "1", Destinations: []Destination{{Name: "box"}}}, nil)
	for _, name := range names(text) {
		if name != "slotfs_build_info" {
			t.Errorf("%s is shown", name)
		}
	}
}

func TestWhatIsNotWatchedIsNotShown(t *testing.T) {
	v := everything()
	v.Watched = func(k history.Key) bool { return k.Destination != "old" }
	if text := written(t, v, nil); strings.Contains(text, `"old"`) || !strings.Contains(text, `slotfs_backups_total{job="nightly",result="complete"} 1`) {
		t.Errorf("%s", text)
	}
}

//check:without needs promtool
func TestPromtoolFindsNothingWrongWithTheMetrics(t *testing.T) {
	c := exec.Command("promtool", "check", "metrics")
	c.Stdin = strings.NewReader(written(t, everything(), someReads()))
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestServerAnswersUntilItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Listen("127.0.0.1:0", NewRegistry(everything, someReads()), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(s.Address(), NewRegistry(everything, nil), slog.New(slog.DiscardHandler)); err == nil || exit.Hint(err) == "" {
		t.Errorf("an address that is taken: %v", err)
	}
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx) }()
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/debug/pprof/": 404} {
		res, err := http.Get("http://" + s.Address() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want || want == 200 && (!strings.Contains(string(body), "slotfs_mount_up 1") || !strings.Contains(string(body), "go_goroutines")) {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestFileThatCannotBeWrittenSaysSoWithACure(t *testing.T) {
	if err := Write(filepath.Join(t.TempDir(), "none", "slotfs.prom"), NewRegistry(everything, nil)); err == nil || exit.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

// names are the metrics that a text names, without what a histogram adds.
func names(text string) []string {
	found := regexp.MustCompile(`\bslotfs_[a-z_]+`).FindAllString(text, -1)
	for i := range found {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			found[i] = strings.TrimSuffix(found[i], suffix)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestDashboardAndRulesNameMetricsThatExist(t *testing.T) {
	exist := names(written(t, everything(), someReads()))
	for _, doc := range []string{"grafana/slotfs.json", "prometheus/slotfs.rules.yml"} {
		data, err := os.ReadFile("../../../../docs/" + doc)
		if err != nil {
			t.Fatal(err)
		}
		used := names(string(data))
		if len(used) == 0 {
			t.Errorf("%s names no metric", doc)
		}
		for _, name := range used {
			if !slices.Contains(exist, name) {
				t.Errorf("%s: there is no %s", doc, name)
			}
		}
	}
}

//check:without needs promtool
func TestPromtoolFindsNothingWrongWithTheRules(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "../../../../docs/prometheus/slotfs.rules.yml"},
		{"test", "rules", "testdata/rules_test.yml"}} {
		if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

//check:without needs promtool
func TestPromtoolUnderstandsTheDashboard(t *testing.T) {
	data, err := os.ReadFile("../../../../docs/grafana/slotfs.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(data, &board); err != nil {
		t.Fatal(err)
	}
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	n := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			n++
			fmt.Fprintf(&rules, "      - record: dashboard:%d\n        expr: %q\n", n, strings.ReplaceAll(target.Expr, "$instance", ".*"))
		}
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(path, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", path).CombinedOutput(); err != nil || n == 0 {
		t.Errorf("%d expressions: %v\n%s", n, err, out)
	}
}
