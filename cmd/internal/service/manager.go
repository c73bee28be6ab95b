package service

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	"unicode"

	"slotfs/cmd/internal/service/passes"
)

// notifyManager tells systemd about the state of the service (sd_notify(3)). Without systemd it does nothing.
func notifyManager(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	if strings.HasPrefix(path, "@") {
		path = "\x00" + path[1:] // the abstract name space
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

func (v *Serving) tellManager(state string) {
	if err := notifyManager(state); err != nil {
		v.Log.Warn("service manager", "error", err)
	}
}

// statusLine is what `systemctl status` shows. Each line of a notification is an assignment, so text gets none of its own.
func statusLine(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, text)
}

// informInterval is how often the service manager is told what goes on.
const informInterval = 5 * time.Second

// keepManagerInformed tells systemd in a line what the mount shows, what runs and what does not answer, until ctx ends.
func (s *Service) keepManagerInformed(ctx context.Context, tell func(string)) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	tick := time.NewTicker(informInterval)
	defer tick.Stop()
	told := ""
	for {
		line, err := s.condition(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			line = err.Error()
		}
		if line != told {
			tell(statusLine(line))
			told = line
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// condition is how the service is, in one line.
func (s *Service) condition(ctx context.Context) (string, error) {
	seen, tally, err := s.look(ctx)
	if err != nil {
		return "", err
	}
	names := s.destinations.names()
	parts := []string{"mounted at " + s.mounts.now().Mountpoint(), fmt.Sprintf("%d destinations, %d snapshots", len(names), tally.Snapshots())}
	for _, name := range names {
		if part := s.conditionOf(name, seen.Outages[name]); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; "), nil
}

// conditionOf tells what is worth to be known of a destination that does not answer since outage; zero: it answers.
func (s *Service) conditionOf(name string, outage time.Time) string {
	if running := s.runner.Running(name); running != nil {
		return "reads " + name + " since " + running.Began.Local().Format("15:04")
	}
	if !outage.IsZero() {
		return name + " does not answer since " + outage.Local().Format("2006-01-02 15:04")
	}
	last, err := passes.Last(s.State.Passes(), name)
	if err == nil && last.Error != "" {
		return "the last pass over " + name + " failed at " + last.Ended.Local().Format("2006-01-02 15:04")
	}
	return ""
}
