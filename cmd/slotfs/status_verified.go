package main

import (
	"fmt"
	"strings"

	"slotfs/cmd/internal/service/api"
	"slotfs/cmd/internal/term"
)

// printVerified shows what share of a destination's backups was read again how long ago, once any was.
func (s *settings) printVerified(d *api.DestinationReport) {
	v := &d.Verified
	if v.Bytes == 0 || v.Ever+v.Noted+v.Differing == 0 {
		return
	}
	words := []string{}
	for _, age := range []struct {
		bytes int64
		text  string
	}{
		{v.Week, "within 7 days"}, {v.Month - v.Week, "within 30 days"}, {v.Quarter - v.Month, "within 90 days"},
		{v.Ever - v.Quarter, "longer ago"}, {v.Noted, "read once and not compared yet"}, {v.Bytes - v.Ever - v.Noted - v.Differing, "never"}, {v.Differing, "not as indexed"},
	} {
		if age.bytes > 0 {
			words = append(words, fmt.Sprintf("%s %s", percentOf(float64(age.bytes*1000/v.Bytes)/1000), age.text))
		}
	}
	text := strings.Join(words, ", ")
	if v.Differences > 0 {
		text += "; " + term.Count(v.Differences, "difference", "differences") + ", see `slotfs history " + d.Name + "` and snapshot.json"
	}
	fmt.Fprintf(s.out, "\nverified on %s (%s): %s\n", d.Name, term.Bytes(v.Bytes), text)
}
