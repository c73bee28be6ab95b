package api

import (
	"encoding/json"
	"net/http"

	"slotfs/cmd/internal/service/browse"
)

// differs is a line of the answer to a browse.Pair.
type differs struct {
	browse.Change
	Failure *failure `json:"failure,omitempty"`
}

func serveDiff(o Browser, w http.ResponseWriter, r *http.Request) {
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
