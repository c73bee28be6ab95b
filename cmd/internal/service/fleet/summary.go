package fleet

import (
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/api"
)

// Summary is how a machine is, in one line.
type Summary struct {
	Host    string     `json:"host"`
	Version string     `json:"version,omitempty"`
	Overdue int        `json:"overdue"` // accounts, jobs and destinations without a good backup for too long
	Failing int        `json:"failing"` // passes, backups and verifications that failed or were done with less, and destinations that are not reached
	Poorer  int        `json:"poorer"`  // accounts whose newest backup has less than the one before
	Full    int        `json:"full"`    // destinations that are nearly full
	Gone    int        `json:"gone"`    // accounts whose backups are about to be removed
	Newest  *time.Time `json:"newest,omitempty"`
	Wrong   []string   `json:"wrong,omitempty"` // each of them in words
	Error   string     `json:"error,omitempty"` // why nothing is known
}

// Summary sums up.
func (s *Status) Summary() Summary {
	out := Summary{Host: s.Host}
	if s.Err != nil {
		out.Error = s.Err.Error()
		return out
	}
	out.Version, out.Newest = s.Report.Version, newest(s.Report)
	for i := range s.Report.Wrong {
		f := &s.Report.Wrong[i]
		out.Wrong = append(out.Wrong, f.Text)
		switch f.Event {
		case alarm.Silence:
			out.Overdue++
		case alarm.Poorer:
			out.Poorer++
		case alarm.NearlyFull:
			out.Full++
		case alarm.Gone:
			out.Gone++
		default:
			out.Failing++
		}
	}
	return out
}

// newest is when the newest complete backup was made; nil: there is none.
func newest(r *api.Report) *time.Time {
	var at *time.Time
	for i := range r.Destinations {
		if d := &r.Destinations[i]; d.Newest != nil && (at == nil || d.Newest.After(*at)) {
			at = d.Newest
		}
	}
	return at
}
