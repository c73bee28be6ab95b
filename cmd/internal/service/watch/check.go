package watch

import (
	"fmt"
	"math"
	"strings"
	"time"

	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/term"
)

// The exit codes of monitoring plug-ins (https://www.monitoring-plugins.org/doc/guidelines.html).
const (
	OK       = 0
	Warning  = 1
	Critical = 2
	Unknown  = 3
)

// Verdict is what a monitoring system is told.
type Verdict struct {
	Code int
	Line string
}

// words of the exit codes.
var words = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// CannotTell is the verdict where nothing can be looked at.
func CannotTell(err error) Verdict {
	return Verdict{Unknown, "SLOTFS UNKNOWN - " + plain(err.Error())}
}

// maxListed is how many findings a verdict names.
const maxListed = 5

// Check sums facts up in one line with performance data.
func Check(f *alarm.Facts, r *alarm.Report) Verdict {
	wrong := r.Wrong()
	code := OK
	var texts []string
	for i, finding := range wrong {
		switch {
		case finding.Event.Critical():
			code = Critical
		case code == OK:
			code = Warning
		}
		if i < maxListed {
			texts = append(texts, plain(finding.Text))
		}
	}
	switch n := len(wrong); {
	case n > maxListed:
		texts = append(texts, fmt.Sprintf("and %d more", n-maxListed))
	case n == 0 && len(f.Config.Destinations) == 0:
		code, texts = Unknown, []string{"no destination is configured"}
	case n == 0 && r.Blind && needsIndex(f):
		code, texts = Unknown, []string{"the index cannot be asked for the age of backups"}
	case n == 0:
		texts = []string{term.Count(int64(len(f.Config.Jobs)), "job", "jobs") + " and " + term.Count(int64(len(f.Config.Destinations)), "destination", "destinations") + " have good backups"}
	}
	return Verdict{code, "SLOTFS " + words[code] + " - " + strings.Join(texts, "; ") + " | " + performance(f, len(wrong))}
}

// needsIndex reports whether only the index knows how old some backups are.
func needsIndex(f *alarm.Facts) bool {
	for _, name := range f.Config.Names() {
		if len(f.Config.UsedBy(name)) == 0 {
			return true
		}
	}
	return false
}

// performance tells the ages of backups and the room on destinations: 'label'=value;warn;crit;min;max
func performance(f *alarm.Facts, wrong int) string {
	data := []string{fmt.Sprintf("wrong=%d;;;0", wrong)}
	for _, name := range f.Config.JobNames() {
		data = appendAge(data, "job_"+name+"_age", f.LastGood(name), f.Now, f.Age(f.Config.Jobs[name].MaxAge))
	}
	for _, name := range f.Config.Names() {
		d := destination(f, name)
		data = appendAge(data, "destination_"+name+"_age", d.Newest, f.Now, f.Age(f.Config.Destinations[name].MaxAge))
		if d.Room.Size > 0 {
			data = append(data, fmt.Sprintf("'destination_%s_used'=%.1f%%;%d;;0;100", name, alarm.Used(d.Room), f.Config.Watch.NearlyFull))
		}
	}
	return strings.Join(data, " ")
}

func appendAge(data []string, label string, newest, now time.Time, limit time.Duration) []string {
	if newest.IsZero() {
		return data
	}
	critical := ""
	if limit > 0 {
		critical = fmt.Sprint(int64(limit.Seconds()))
	}
	return append(data, fmt.Sprintf("'%s'=%.0fs;;%s;0", label, math.Max(0, now.Sub(newest).Seconds()), critical))
}

// plain takes out of a text what has a meaning to monitoring systems.
func plain(text string) string {
	return strings.Join(strings.Fields(term.Clean(strings.ReplaceAll(text, "|", "/"))), " ")
}
