package store

import (
	"context"
	"strings"
)

// trialTTL is how old a trial is, in seconds of the server's clock, that belongs to no run any more.
const trialTTL = 15 * 60

// removeDeadTrials removes what runs left behind that were killed while they tried the destination. own is a trial that was made a moment
// ago: its time is the server's clock. What cannot be removed stays for the next one.
func (s *Store) removeDeadTrials(ctx context.Context, own string) {
	list, err := s.List(ctx, "")
	if err != nil {
		return
	}
	now := int64(0)
	for _, info := range list {
		if info.Name == own {
			now = info.MTime
		}
	}
	for _, info := range list {
		if !strings.HasPrefix(info.Name, TrialPrefix) || now-info.MTime < trialTTL {
			continue
		}
		if IsDir(info.Mode) {
			_ = RemoveTree(ctx, s, info.Name)
		} else {
			_ = s.Remove(ctx, info.Name)
		}
	}
}
