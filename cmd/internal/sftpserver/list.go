package sftpserver

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"slotfs/cmd/internal/service/browse"
	"slotfs/indexer/contain"
)

// single is a list of one.
type single struct{ info }

// ListAt implements sftp.ListerAt.
func (s single) ListAt(to []os.FileInfo, off int64) (int, error) {
	if off > 0 || len(to) == 0 {
		return 0, io.EOF
	}
	to[0] = s.info
	return 1, nil
}

// listAhead is how many entries of a directory are read ahead of the client.
const listAhead = 256

// listing lists a directory from front to back.
type listing struct {
	entries chan info
	cancel  context.CancelFunc
	release func()

	mu  sync.Mutex
	at  int64 // guarded by mu
	err error // how the listing ended; set before entries is closed
}

// list begins to list a directory. The listing ends with ctx.
func (h *handlers) list(ctx context.Context, dir uint64, release func()) *listing {
	ctx, cancel := context.WithCancel(ctx)
	l := &listing{entries: make(chan info, listAhead), cancel: cancel, release: release}
	go func() {
		defer close(l.entries)
		l.err = h.fill(ctx, dir, l.entries)
	}()
	return l
}

// fill sends what is in a directory.
func (h *handlers) fill(ctx context.Context, dir uint64, entries chan<- info) (err error) {
	defer h.logPanic(&err)
	defer contain.Recover(&err)
	err = h.tree.List(ctx, dir, func(n *browse.Node) error {
		select {
		case entries <- info{*n}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return explain(err)
	}
	return nil
}

// errSeek says that a client wants to list a directory otherwise than from front to back.
var errSeek = errors.New("directories are listed from front to back")

// ListAt implements sftp.ListerAt.
func (l *listing) ListAt(to []os.FileInfo, off int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if off != l.at {
		return 0, errSeek
	}
	n := 0
	for ; n < len(to); n++ {
		entry, more := <-l.entries
		switch {
		case !more && l.err != nil:
			return 0, l.err
		case !more:
			return n, io.EOF
		}
		to[n] = entry
		l.at++
	}
	return n, nil
}

// Close implements io.Closer.
func (l *listing) Close() error {
	l.cancel()
	l.release()
	return nil
}
