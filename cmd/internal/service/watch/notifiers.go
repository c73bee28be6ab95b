package watch

import (
	"time"

	"slotfs/cmd/internal/config"
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
		all = append(all, n)
	}
	return all, nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
