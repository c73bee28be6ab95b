// Package retry repeats operations of a destination whose connection was lost under them. It knows the errors of package
// dest, and no protocol and no back-off: a destination makes its connections by itself.
//
// Each operation is repeated in one place only:
//
//   - What can be asked twice without harm is repeated by the destination. When it gives up the error is dest.ErrUnreachable,
//     and nobody repeats it.
//   - What must not be asked twice blindly is not repeated by the destination. Its error is dest.ErrConnectionLost, and who
//     knows how to repeat it safely (after a look at what became of it, under a new name, behind a lease) does so with Do.
package retry

import (
	"context"
	"errors"

	"slotfs/indexer/dest"
)

// Policy bounds how often one operation is attempted.
type Policy struct {
	// Attempts is how many may fail in a row without progress between them. The first one counts.
	Attempts int
	// Silent is how many of them may end because the server owed an answer for too long, each of which took as long as the
	// destination waits for one.
	Silent int
	// Lost reports whether an error may be repeated; nil: it is dest.ErrConnectionLost.
	Lost func(error) bool
}

// Default is the policy of all destinations. Where a server went away each of the connections to it may be found dead by asking, and
// there are four of them unless the settings say otherwise.
var Default = Policy{Attempts: 8, Silent: 2}

// Do runs f, and again while its connection is lost under it.
func (p Policy) Do(ctx context.Context, f func() error) error {
	return p.DoParts(ctx, func(func()) error { return f() })
}

// DoParts is Do for what is done in parts. f goes on where it stopped, and calls progress when a further part is done: the attempts
// are then counted from one again.
func (p Policy) DoParts(ctx context.Context, f func(progress func()) error) error {
	failed, silent := 0, 0
	progress := func() { failed, silent = 0, 0 }
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f(progress)
		if !p.lost(err) {
			return err
		}
		failed++
		if errors.Is(err, dest.ErrNoAnswer) {
			silent++
		}
		if failed >= p.Attempts || p.Silent > 0 && silent >= p.Silent {
			return err
		}
	}
}

func (p Policy) lost(err error) bool {
	if p.Lost != nil {
		return p.Lost(err)
	}
	return errors.Is(err, dest.ErrConnectionLost)
}
