package api

import (
	"testing"
	"time"

	"slotfs/indexer/backup"
)

func TestWhatAClockThatWasAheadVerifiedIsNotTakenForRecent(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for days, want := range map[int]VerifiedReport{
		-60:  {Bytes: 10, Ever: 10, Quarter: 10},
		-1:   {Bytes: 10, Ever: 10, Quarter: 10, Month: 10, Week: 10},
		3650: {Bytes: 10, Ever: 10},
	} {
		s := &backup.Snapshot{Source: backup.Source{Kind: backup.Tree}, Content: 10, Verified: backup.Verification{At: now.AddDate(0, 0, days)}}
		var got VerifiedReport
		if got.Add(s, now); got != want {
			t.Errorf("verified %d days from now: %+v, want %+v", days, got, want)
		}
	}
}
