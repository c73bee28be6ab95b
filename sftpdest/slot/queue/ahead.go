package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
)

const (
	choosing = "choosing."
	writer   = "writer."
	// maxNumber bounds the numbers that are believed, so that what somebody else left there cannot be the last one.
	maxNumber = 1 << 40
	// maxTicket bounds what a ticket says, in bytes.
	maxTicket = 4096
)

// nameOf is the name of a ticket.
func nameOf(number int64, run string) string { return fmt.Sprintf("%s%012d.%s", writer, number, run) }

// parse reads the name of a ticket.
func parse(name string) (number int64, run string, ok bool) {
	rest, ok := strings.CutPrefix(name, writer)
	if !ok {
		return 0, "", false
	}
	digits, run, ok := strings.Cut(rest, ".")
	if !ok || run == "" {
		return 0, "", false
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, run, err == nil && number > 0 && number <= maxNumber
}

// highest is the highest number among the names of a directory.
func highest(all []dest.Info) int64 {
	most := int64(0)
	for i := range all {
		if number, _, ok := parse(all[i].Name); ok && number < maxNumber {
			most = max(most, number)
		}
	}
	return most
}

// observer has what was seen of the files of others.
type observer map[string]observed

type observed struct {
	mtime  int64     // by the server's clock
	since  time.Time // when this time was seen first
	holder *lease.Holder
}

// ahead counts the runs that write or come first. Those that are dead are removed.
func (t *Ticket) ahead(ctx context.Context, seen observer) (int, error) {
	all, err := t.d.List(ctx, directory)
	if err != nil {
		return 0, err
	}
	own, run, _ := parse(path.Base(t.name))
	now := int64(0) // the server's clock when this run wrote its ticket; 0: it is gone
	for i := range all {
		if all[i].Name == path.Base(t.name) {
			now = all[i].MTime
		}
	}
	count := 0
	for i := range all {
		info := &all[i]
		number, other, ticket := parse(info.Name)
		chooses := strings.HasPrefix(info.Name, choosing)
		first := ticket && (number < own || number == own && other < run)
		if !first && !chooses {
			continue
		}
		dead, err := t.dead(ctx, info, now, seen)
		if err != nil {
			return 0, err
		}
		if !dead {
			count++
			continue
		}
		if err := t.d.Remove(ctx, directory+"/"+info.Name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.o.Log.Debug("ticket of a run that died", "file", info.Name, "error", err)
		}
	}
	return count, nil
}

// dead reports whether nobody is behind a file any more.
func (t *Ticket) dead(ctx context.Context, info *dest.Info, now int64, seen observer) (bool, error) {
	o, known := seen[info.Name]
	if !known || o.mtime != info.MTime {
		o.mtime, o.since = info.MTime, time.Now()
	}
	if o.holder == nil {
		h, err := t.holder(ctx, info.Name)
		if err != nil {
			return false, err
		}
		o.holder = h
	}
	seen[info.Name] = o
	old := now-info.MTime > int64(t.o.TTL/time.Second) || time.Since(o.since) > t.o.TTL
	return old || o.holder != nil && o.holder.Host == t.o.Host && o.holder.Dead(), nil
}

// holder is who made a file, nil where it does not tell.
func (t *Ticket) holder(ctx context.Context, name string) (*lease.Holder, error) {
	text, err := store.Load(ctx, t.d, directory+"/"+name, maxTicket)
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return nil, err
	}
	var h lease.Holder
	if err != nil || json.Unmarshal(text, &h) != nil {
		return nil, nil
	}
	return &h, nil
}
