package api

import (
	"context"
	"encoding/json"
	"net/http"

	"slotfs/cmd/internal/service/browse"
)

// Differ compares.
type Differ interface {
	Diff(ctx context.Context, q browse.Pair, yield func(browse.Change) error) error
}

// differs is a line of the answer to a browse.Pair.
type differs struct {
	browse.Change
	Failure *failure `json:"failure,omitempty"`
}

func serveDiff(o Differ, w http.ResponseWriter, r *http.Request) {
	var q browse.Pair
	if !request(w, r, &q) {
		return
	}
	out := json.NewEncoder(w)
	began := false
	err := o.Diff(r.Context(), q, func(c browse.Change) error {
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
