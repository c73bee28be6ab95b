package watch

import (
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/audit"
)

func TestRestoresIntoLiveAccountsAreNewsForADay(t *testing.T) {
	w := newWorld(t, "[notify.ops]\ncommand = \"true\"\n")
	now := time.Now()
	w.Now = func() time.Time { return now }
	if f := w.facts(t, known()); f.Restores == nil || len(f.Restores) != 0 {
		t.Fatalf("without any: %v", f.Restores)
	}
	log := audit.Open(w.State.Audit())
	for _, r := range []audit.Record{
		{Who: "root", Action: audit.View, Paths: []string{"offsite/accounts/alice"}},
		{Who: "administrator ann", Action: audit.Live, Paths: []string{"offsite/accounts/alice/latest/databases/alice_shop.sql"}, Detail: "database alice_shop of alice 20261129-1"},
		{Who: "root", Action: audit.Undo, Detail: "database alice_shop of alice 20261129-1", Error: "no server\x1b[2J"},
	} {
		if err := log.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	news := alarm.Find(w.facts(t, known())).News
	if len(news) != 2 || news[0].Destination != "offsite" || news[0].Event != alarm.Restored || news[0].Key == news[1].Key {
		t.Fatalf("%+v", news)
	}
	if !strings.Contains(news[0].Text, "administrator ann put back offsite/accounts/alice/latest/databases/alice_shop.sql (database alice_shop of alice 20261129-1)") {
		t.Errorf("done: %q", news[0].Text)
	}
	if !strings.Contains(news[1].Text, "could not be done for root: no server") || strings.Contains(news[1].Text, "\x1b") {
		t.Errorf("not done: %q", news[1].Text)
	}
	now = now.Add(25 * time.Hour)
	if news := alarm.Find(w.facts(t, known())).News; news == nil || len(news) != 0 {
		t.Errorf("a day later: %v", news)
	}
}
