package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"net/http"
	"syscall"

	"slotfs/cmd/internal/exit"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// failure is an error on its way over the socket.
type failure struct {
	Error string   `json:"error"`
	Hint  string   `json:"hint,omitempty"`
	Code  int      `json:"code"`
	Kinds []string `json:"kinds,omitempty"` // names of failureKinds
}

// failureKinds are the errors that callers branch on, by the word that stands for them on the way.
var failureKinds = map[string]error{
	"not-exist": iofs.ErrNotExist, "permission": iofs.ErrPermission, "not-directory": syscall.ENOTDIR,
	"stale": backup.ErrStale, "corrupt": backup.ErrCorrupt, "gone": view.ErrGone, "unreachable": dest.ErrUnreachable, "auth": dest.ErrAuth,
}

func failureOf(err error) *failure {
	f := &failure{Error: err.Error(), Hint: exit.Hint(err), Code: exit.Code(err)}
	for kind, is := range failureKinds {
		if errors.Is(err, is) {
			f.Kinds = append(f.Kinds, kind)
		}
	}
	return f
}

// err is the error as the other side had it.
func (f *failure) err() error {
	e := &otherError{text: f.Error}
	for _, kind := range f.Kinds {
		if is := failureKinds[kind]; is != nil {
			e.is = append(e.is, is)
		}
	}
	return exit.With(e, f.Code, f.Hint)
}

// otherError is an error of another process.
type otherError struct {
	text string
	is   []error // what callers branch on
}

func (e *otherError) Error() string { return e.text }

func (e *otherError) Unwrap() []error { return e.is }

// failureIn reads what an answer says that is none.
func failureIn(res *http.Response) error {
	var f failure
	if err := json.NewDecoder(io.LimitReader(res.Body, maxRequest)).Decode(&f); err != nil || f.Error == "" {
		err := fmt.Errorf("control socket: the owner of the index answered %s", res.Status)
		return exit.Hinted(err, "it may be of another version: end it, or unmount and mount again")
	}
	return f.err()
}
