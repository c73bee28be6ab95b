package sftpserver

import (
	"sync"

	"slotfs/cmd/internal/service/audit"
)

// flushAfter is how many files are opened before they are recorded: a session may last for weeks.
const flushAfter = 500

// reads gathers the files that a session opens.
type reads struct {
	write func(audit.Record)

	mu      sync.Mutex
	pending audit.Record // guarded by mu
}

// opened notes a file.
func (r *reads) opened(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending.Count < audit.MaxPaths {
		r.pending.Paths = append(r.pending.Paths, path)
	}
	r.pending.Count++
	if r.pending.Count >= flushAfter {
		r.record()
	}
}

// delivered notes bytes that were read.
func (r *reads) delivered(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending.Bytes += int64(n)
}

// flush records what was gathered.
func (r *reads) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pending.Count > 0 || r.pending.Bytes > 0 {
		r.record()
	}
}

// record is flush with mu held.
func (r *reads) record() {
	next := r.pending
	next.Action = audit.Download
	r.pending = audit.Record{}
	r.write(next)
}
