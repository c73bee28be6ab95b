package watch

import (
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/alarm"
	"slotfs/cmd/internal/service/alarm/send"
)

// Notifier is how one notifier stands, for people. It holds no secret.
type Notifier struct {
	Name     string     `json:"name"`
	Way      string     `json:"way"`
	LastSent *time.Time `json:"last_sent,omitempty"`
	Tries    int        `json:"failed_deliveries,omitempty"` // in a row
	NextTry  *time.Time `json:"next_try,omitempty"`
	Error    string     `json:"error,omitempty"`
	Hint     string     `json:"hint,omitempty"`
}

// Notifiers tells how the notifiers of a configuration stand.
func (w *Watcher) Notifiers(c *config.Config) ([]Notifier, error) {
	kept, err := alarm.Load(w.State.Alarms())
	if err != nil {
		return nil, err
	}
	var all []Notifier
	for _, name := range c.NotifyNames() {
		n := Notifier{Name: name, Way: send.Way(c.Notify[name])}
		if told := kept.Notifiers[name]; told != nil {
			n.Tries, n.Error, n.Hint, n.LastSent, n.NextTry = told.Tries, told.Error, told.Hint, timeOrNil(told.LastSent), timeOrNil(told.NextTry)
		}
		if err := check(c.Notify[name]); err != nil { // that is known before there is anything to deliver
			n.Error, n.Hint = err.Error(), exit.Hint(err)
		}
		all = append(all, n)
	}
	return all, nil
}

// check reports why a notifier can never deliver anything, as far as that is known without trying.
func check(n *config.Notify) error {
	url, err := urlOf(n)
	if err != nil {
		return err
	}
	return send.Check(url)
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
