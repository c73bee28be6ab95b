package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Pair names what to compare, by paths in the mount.
type Pair struct {
	Old Bytes `json:"old"`
	New Bytes `json:"new"`
}

// Change is a path at which the two differ. Names are bytes, which JSON has no strings for.
type Change struct {
	Path []byte   `json:"path"`           // below what is compared; empty: that itself
	What []string `json:"what,omitempty"` // ways in which they differ, where both are there
	Old  *Side    `json:"old,omitempty"`  // absent: it is not there
	New  *Side    `json:"new,omitempty"`
}

// Side is what one of the two has at a path.
type Side struct {
	Type   string    `json:"type"`
	Mode   uint32    `json:"mode"` // permission bits
	UID    uint32    `json:"uid"`
	GID    uint32    `json:"gid"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	Target []byte    `json:"target,omitempty"`
}

// Differ compares.
type Differ interface {
	Diff(ctx context.Context, q Pair, yield func(Change) error) error
}

// differs is a line of the answer to a Pair.
type differs struct {
	Change
	Failure *failure `json:"failure,omitempty"`
}

func serveDiff(o Differ, w http.ResponseWriter, r *http.Request) {
	var q Pair
	if !request(w, r, &q) {
		return
	}
	out := json.NewEncoder(w)
	began := false
	err := o.Diff(r.Context(), q, func(c Change) error {
		began = true
		return out.Encode(differs{Change: c})
	})
	switch {
	case err != nil && began:
		abort(r)
		out.Encode(differs{Failure: failureOf(err)})
	case err != nil:
		answer(w, nil, err)
	}
}
