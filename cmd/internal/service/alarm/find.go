package alarm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/history"
	"slotfs/cmd/internal/term"
)

// runPatience is how long what failed in a run waits for the run's end, so that a night is one message.
const runPatience = 6 * time.Hour

// Find tells what is wrong, and what is not.
func Find(f *Facts) *Report {
	s := &search{Facts: f, report: &Report{Blind: f.Holdings == nil}}
	for key, standing := range f.Board.All {
		s.record(key, standing)
	}
	for _, name := range f.Config.JobNames() {
		s.silentJob(f.Config.Jobs[name])
		s.gone(f.Config.Jobs[name])
	}
	for _, name := range f.Config.Names() {
		d := f.Config.Destinations[name]
		s.destination(d)
		s.poorer(d)
		if len(f.Config.UsedBy(name)) == 0 {
			s.silentDestination(d)
		}
	}
	slices.SortFunc(s.report.All, compareFindings)
	s.restored()
	return s.report
}

// restored tells what was put back into live accounts.
func (s *search) restored() {
	if s.Restores == nil {
		return
	}
	s.report.News = []Finding{}
	for _, r := range s.Restores {
		f := Finding{Key: Key{Restored, r.ID}, Destination: r.Destination, Since: r.At, Text: oneLine(r.Text)}
		s.report.News = append(s.report.News, f)
	}
}

// search is Find at work.
type search struct {
	*Facts
	report *Report
}

func (s *search) add(f Finding) {
	f.Text = oneLine(f.Text)
	s.report.All = append(s.report.All, f)
}

func oneLine(text string) string { return term.Clean(strings.Join(strings.Fields(text), " ")) }

// record tells how something ended the last time.
func (s *search) record(key history.Key, standing *history.Standing) {
	r := &standing.Last
	if r.Result == "" || key.Kind == history.Forget || !s.Watched(key) {
		return
	}
	f := Finding{Key: Key{Object: r.Object()}, Destination: r.Destination, Job: r.Job, Since: standing.Failing}
	f.Pending = r.Run != "" && r.Kind != history.Run && !s.Board.RunEnded(r.Run) && s.Now.Sub(r.Ended) < runPatience
	if key.Kind == history.Verify {
		f.Event, f.Fine, f.Since = Verify, r.Differences == 0, r.Ended
		f.Text = fmt.Sprintf("%s: %s between slots and their manifests; the next sync repairs them", f.Object, term.Count(int64(r.Differences), "difference", "differences"))
		if key.Job == "" {
			f.Text = fmt.Sprintf("%s: verify found %s between backups and what was indexed of them: %s", f.Object, term.Count(int64(r.Differences), "difference", "differences"), r.Warning)
		}
		s.add(f)
		return
	}
	f.Event, f.Fine = Failed, r.Error == "" || r.Good()
	f.Text = fmt.Sprintf("%s: %s failed: %s", f.Object, what(r), withoutName(r.Error, f.Object))
	s.add(f)
	// What has no backup at all has none with less.
	f.Event, f.Fine, f.Since = Partial, r.Result != history.Partial || r.Warning == "", r.Ended
	f.Text = fmt.Sprintf("%s: %s done with less: %s", f.Object, what(r), withoutName(r.Warning, f.Object))
	s.add(f)
}

// withoutName takes the object's name from the front of a text, which has it often.
func withoutName(text, object string) string {
	text = strings.TrimPrefix(text, object+": ")
	return strings.TrimPrefix(text, "index "+object+": ")
}

func what(r *history.Record) string {
	switch r.Kind {
	case history.Pass:
		return "index pass"
	case history.Run:
		return "run"
	}
	return "backup"
}

// Watched reports whether anybody cares for what a record is of.
func (f *Facts) Watched(key history.Key) bool {
	if key.Job == "" {
		return f.Config.Destinations[key.Destination] != nil && key.Account == ""
	}
	j := f.Config.Jobs[key.Job]
	if j == nil || j.Destination != key.Destination {
		return false
	}
	members := f.Members[key.Job]
	return key.Account == "" || members == nil || members[key.Account]
}

// Age is how old the newest good backup of a job or destination with the max-age own may be; 0: any.
func (f *Facts) Age(own time.Duration) time.Duration {
	age := f.MaxAge
	if age == 0 {
		age = f.Config.Watch.Age(own)
	}
	return max(age, 0)
}

// late reports whether a backup at the time last is too old at the time now; zero: there is none.
func (s *search) late(last, now time.Time, age time.Duration) (since time.Time, late bool) {
	if last.IsZero() {
		last = s.Configured
	}
	return last, now.Sub(last) > age
}

// silentJob looks for accounts of a job without a good backup. If that is none of them, it is the job that is silent.
func (s *search) silentJob(j *config.Job) {
	age := s.Age(j.MaxAge)
	if age == 0 {
		return
	}
	newest := time.Time{}
	var accounts []history.Key
	for key, standing := range s.Board.All {
		if key.Kind == history.Backup && key.Job == j.Name && s.Watched(key) {
			accounts = append(accounts, key)
			if standing.LastGood.After(newest) {
				newest = standing.LastGood
			}
		}
	}
	job := Finding{Key: Key{Silence, "job " + j.Name}, Destination: j.Destination, Job: j.Name}
	since, late := s.late(newest, s.Now, age)
	job.Since, job.Fine = since, !late
	job.Text = fmt.Sprintf("job %s: no good backup of any account %s", j.Name, ago(newest, s.Now))
	s.add(job)
	for _, key := range accounts {
		good := s.Board.All[key].LastGood
		f := Finding{Key: Key{Silence, j.Name + "/" + key.Account}, Destination: j.Destination, Job: j.Name}
		f.Since, f.Fine = s.late(good, s.Now, age)
		f.Fine, f.Pending = !f.Fine, late
		f.Text = fmt.Sprintf("%s: no good backup %s", f.Object, ago(good, s.Now))
		s.add(f)
	}
}

// silentDestination looks for accounts on a destination that others write to without a good backup. Backups are found by passes:
// they are as old as they were then, and a pass must not be too long ago either.
func (s *search) silentDestination(d *config.Destination) {
	age := s.Age(d.MaxAge)
	if age == 0 || s.Holdings == nil {
		return
	}
	looked := s.Now
	if pass := s.Board.All[history.Key{Kind: history.Pass, Destination: d.Name}]; pass != nil && !pass.LastGood.IsZero() {
		looked = pass.LastGood
	}
	newest := time.Time{}
	for _, a := range s.Holdings[d.Name] {
		if a.Newest.After(newest) {
			newest = a.Newest
		}
	}
	whole := Finding{Key: Key{Silence, d.Name}, Destination: d.Name}
	since, late := s.late(newest, looked, age)
	whole.Since, whole.Text = since, fmt.Sprintf("%s: no good backup of any account %s", d.Name, ago(newest, s.Now))
	if _, unseen := s.late(looked, s.Now, age); unseen && !late {
		whole.Since, late = looked, true
		whole.Text = fmt.Sprintf("%s: nobody has looked for backups %s", d.Name, ago(looked, s.Now))
	}
	whole.Fine = !late
	s.add(whole)
	for _, a := range s.Holdings[d.Name] {
		if a.Closed {
			continue
		}
		f := Finding{Key: Key{Silence, a.object(d.Name)}, Destination: d.Name, Pending: late}
		f.Since, f.Fine = s.late(a.Newest, looked, age)
		f.Fine = !f.Fine
		f.Text = fmt.Sprintf("%s: no good backup %s", f.Object, ago(a.Newest, s.Now))
		s.add(f)
	}
}

// poorer tells of accounts whose newest good backup has less than the one before.
func (s *search) poorer(d *config.Destination) {
	for _, a := range s.Holdings[d.Name] {
		f := Finding{Key: Key{Poorer, a.object(d.Name)}, Destination: d.Name, Since: a.Newest, Fine: len(a.Concerns) == 0}
		f.Text = fmt.Sprintf("%s: %s", f.Object, strings.Join(a.Concerns, "; "))
		s.add(f)
	}
}

// gone tells of accounts whose backups are removed soon, because runs have not found them for long.
func (s *search) gone(j *config.Job) {
	for name, a := range s.Gone[j.Name] {
		left, soon := a.Left(j.GoneAfter)
		f := Finding{Key: Key{Gone, j.Name + "/" + name}, Destination: j.Destination, Job: j.Name, Since: a.Since, Fine: !soon || a.Kept != ""}
		f.Text = fmt.Sprintf("%s: the account is gone %s; its backups are removed after %s more on which it is not found", f.Object, ago(a.Since, s.Now),
			term.Count(int64(left), "day", "days"))
		s.add(f)
	}
}

// ago says how long something has been missing.
func ago(last, now time.Time) string {
	if last.IsZero() {
		return "yet"
	}
	return fmt.Sprintf("for %s, since %s", span(now.Sub(last)), last.Local().Format("2006-01-02 15:04"))
}

// span writes a time in its largest unit that says enough.
func span(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return term.Count(int64(d/time.Minute), "minute", "minutes")
	case d < 72*time.Hour:
		return term.Count(int64(d/time.Hour), "hour", "hours")
	}
	return term.Count(int64(d/(24*time.Hour)), "day", "days")
}
