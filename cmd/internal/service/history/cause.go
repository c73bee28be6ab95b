package history

import (
	"context"
	"errors"

	"slotfs/cmd/internal/exit"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/slot"
)

// CauseOf names what is behind an error; empty: nothing that concerns more than one record.
func CauseOf(err error) Cause {
	switch {
	case errors.As(err, new(*auth.HostKeyError)):
		return HostKey
	case errors.Is(err, dest.ErrAuth):
		return Auth
	case errors.Is(err, dest.ErrUnreachable):
		return Unreachable
	case errors.Is(err, slot.ErrFull):
		return Full
	}
	return ""
}

// Fail says why what the record is of failed; nil changes nothing.
func (r *Record) Fail(err error, code int) {
	if err == nil {
		return
	}
	r.Result, r.Error, r.Code, r.Cause = Failed, err.Error(), code, CauseOf(err)
	switch {
	case errors.Is(err, context.Canceled):
		r.Result, r.Error, r.Cause = Interrupted, "interrupted", "" // what was waited for at that moment says nothing
	case code == exit.Busy:
		r.Result = Busy
	}
}
