package store

import "sync"

// resumable are the temporary files that the next run can go on with.
type resumable struct {
	mu    sync.Mutex // guards what follows
	temps map[string]bool
}

// HoldTemp enters that the next run goes on with a temporary file.
func (r *resumable) HoldTemp(temp string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.temps == nil {
		r.temps = make(map[string]bool)
	}
	r.temps[temp] = true
}

// ReleaseTemp is the reverse of HoldTemp, and tells whether it was held.
func (r *resumable) ReleaseTemp(temp string) (held bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held = r.temps[temp]
	delete(r.temps, temp)
	return held
}

func (r *resumable) holds(temp string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.temps[temp]
}
