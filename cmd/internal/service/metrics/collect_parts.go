package metrics

import "slotfs/cmd/internal/service/history"

// backup shows how the backups of one account stand.
func (s sink) backup(key history.Key, standing *history.Standing) {
	last := &standing.Last
	labels := []string{key.Job, key.Account, key.Destination}
	s.time(backupSuccess, standing.LastGood, labels...)
	if last.Result == "" {
		return
	}
	s.time(backupEnd, last.Ended, labels...)
	s.gauge(backupFailing, truth(!last.Good()), labels...)
	s.gauge(backupLess, truth(last.Result == history.Partial), labels...)
	s.gauge(backupDuration, last.Seconds, labels...)
	s.gauge(backupFiles, float64(last.Files), labels...)
	s.gauge(backupBytes, float64(last.Bytes), labels...)
	s.gauge(backupSent, float64(last.SentB), labels...)
	s.gauge(backupCopied, float64(last.Copied+last.Linked), labels...)
}

// run shows how the runs of a job stand.
func (s sink) run(key history.Key, standing *history.Standing) {
	s.time(runEnd, standing.Last.Ended, key.Job, key.Destination)
	s.gauge(runDuration, standing.Last.Seconds, key.Job, key.Destination)
}

// pass shows how the passes over a destination stand.
func (s sink) pass(key history.Key, standing *history.Standing) {
	name, last := key.Destination, &standing.Last
	s.time(passSuccess, standing.LastGood, name)
	if last.Result == "" {
		return
	}
	s.gauge(passFailing, truth(!last.Good()), name)
	s.gauge(passDuration, last.Seconds, name)
	s.gauge(passRead, float64(last.Read), name)
	s.gauge(passUnread, float64(last.Unreadable), name)
}

// destination shows what is known of a destination.
func (s sink) destination(d *Destination) {
	s.time(destinationSuccess, d.Newest, d.Name)
	s.time(verifyEnd, d.Verified.Last, d.Name)
	s.time(verifyOldest, d.Verified.Oldest, d.Name)
	if d.Verified.Share > 0 {
		s.gauge(scrubShare, d.Verified.Share, d.Name)
	}
	if d.Indexed {
		s.gauge(accounts, float64(d.Accounts), d.Name)
	}
	for status, n := range d.Snapshots {
		s.gauge(snapshots, float64(n), d.Name, status)
	}
	for phase, n := range d.Slots {
		s.gauge(slots, float64(n), d.Name, phase)
	}
	if d.Room.Size > 0 {
		s.gauge(freeBytes, float64(d.Room.Free), d.Name)
		s.gauge(sizeBytes, float64(d.Room.Size), d.Name)
	}
	if l := d.Link; l != nil {
		s.gauge(up, truth(l.Up), d.Name)
		s.gauge(connections, float64(l.Connections), d.Name)
		s.counter(retries, float64(l.Retries), d.Name)
		if l.RoundTrip > 0 {
			s.gauge(roundTrip, l.RoundTrip.Seconds(), d.Name)
		}
	}
}
