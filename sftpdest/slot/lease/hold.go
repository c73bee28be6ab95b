package lease

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/store"
)

// holdPrefix starts the names of files that keep a slot from being overwritten. They tell who made them as leases do.
const holdPrefix = "hold."

// HoldTTL is how long a hold lasts that is not made anew, by the server's clock.
const HoldTTL = 10 * time.Minute

// Held reports whether somebody reads a slot of the account in dir. What is left over of readers that are gone is removed:
// those that are known to have ended, as those on this machine are, and those that were not heard of for HoldTTL.
func Held(ctx context.Context, s *store.Store, o *Options, dir, slot string) (bool, error) {
	list, err := s.PeekPrefetched(slot)
	if list == nil && err == nil {
		list, err = s.List(ctx, slot)
	}
	if err != nil {
		return false, err
	}
	for _, info := range list {
		if !strings.HasPrefix(info.Name, holdPrefix) {
			continue
		}
		left, err := leftOver(ctx, s, o, dir, slot+"/"+info.Name, info)
		if err != nil || !left {
			return err == nil, err
		}
		if err := s.Remove(ctx, slot+"/"+info.Name); err != nil {
			return false, err
		}
	}
	return false, nil
}

// leftOver reports whether nobody is behind a hold any more.
func leftOver(ctx context.Context, s *store.Store, o *Options, dir, name string, info dest.Info) (bool, error) {
	if info.Size > 0 {
		text, err := store.Load(ctx, s, name, maxHolder)
		var h Holder
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)):
			return false, err
		case err == nil && json.Unmarshal(text, &h) == nil && o.Dead(&h):
			return true, nil
		}
	}
	now, err := ServerTime(ctx, s, dir)
	ttl := int64(HoldTTL / time.Second)
	return err == nil && (now-info.MTime > ttl || info.MTime-now > ttl), err // ahead by more: the server's clock was set back since
}

// Hold keeps runs from overwriting a slot until release is called, for HoldTTL, or until this process ends if the run is on this
// machine. A run that looked before may be about to begin: the caller has to look after this whether the slot is still complete.
func Hold(ctx context.Context, s *store.Store, slot string) (release func(context.Context) error, err error) {
	name := slot + "/" + holdPrefix + s.Run
	text, err := json.Marshal(Self(s.Run, ""))
	if err != nil {
		return nil, err
	}
	if err := store.Retry(ctx, func() error { return store.Missing(overwrite(ctx, s, name, text)) }); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return s.Remove(ctx, name) }, nil
}
