package alarm

import (
	"slices"

	"slotfs/cmd/internal/config"
)

// change is what a notifier has to tell.
type change struct {
	all   []Finding // that are wrong, told or not
	wrong []Finding // not told yet
	good  []Finding // told to be wrong, and good again
	gone  []Finding // told to be wrong, and watched no longer
	past  []Finding // wrong and good again before it could be told
}

func (c *change) empty() bool {
	return len(c.wrong) == 0 && len(c.good) == 0 && len(c.gone) == 0 && len(c.past) == 0
}

// compare finds what a notifier has to tell.
func compare(n *config.Notify, told *Told, r *Report) *change {
	c := &change{past: told.Missed}
	now := map[Key]*Finding{}
	for i := range r.All {
		f := &r.All[i]
		if wants(n, f) {
			now[f.Key] = f
		}
	}
	known := map[Key]bool{}
	for _, f := range told.Wrong {
		known[f.Key] = true
		switch next := now[f.Key]; {
		case f.Event == Restored:
			if r.News == nil || slices.ContainsFunc(r.News, func(n Finding) bool { return n.Key == f.Key }) {
				c.all = append(c.all, f)
			}
		case !wants(n, &f): // it is not its business any more
		case next == nil && !r.Blind:
			c.gone = append(c.gone, f)
		case next == nil, next.Pending:
			c.all = append(c.all, f)
		case next.Fine:
			c.good = append(c.good, f)
		default:
			c.all = append(c.all, *next)
		}
	}
	for _, f := range append(r.Wrong(), r.News...) {
		if wants(n, &f) && !known[f.Key] {
			c.all, c.wrong = append(c.all, f), append(c.wrong, f)
		}
	}
	return c
}

// takeMissed keeps what deliveries that failed wanted to tell and what is good again since. It reports whether there is any.
func (c *change) takeMissed(told *Told) bool {
	before := len(told.Tried)
	told.Tried = slices.DeleteFunc(told.Tried, func(f Finding) bool {
		still := slices.ContainsFunc(c.all, func(g Finding) bool { return g.Key == f.Key })
		if !still {
			told.Missed = append(told.Missed, f)
		}
		return !still
	})
	c.past = told.Missed
	return len(told.Tried) != before
}

// wants reports whether a finding is a notifier's business.
func wants(n *config.Notify, f *Finding) bool {
	if len(n.Events) > 0 && !slices.Contains(n.Events, string(f.Event)) {
		return false
	}
	byDestination, byJob := len(n.Destinations) > 0, len(n.Jobs) > 0
	if !byDestination && !byJob {
		return true
	}
	return byDestination && slices.Contains(n.Destinations, f.Destination) || byJob && slices.Contains(n.Jobs, f.Job)
}
