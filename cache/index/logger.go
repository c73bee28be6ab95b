package index

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// logger hands badger's messages to slog. What badger calls an error comes back to the caller as an error too,
// so it is a warning here; the rest is of no interest to whoever runs a mount.
type logger struct{ log *slog.Logger }

var _ badger.Logger = logger{}

func (l logger) Errorf(format string, args ...any) { l.log.Warn("badger", "text", text(format, args)) }
func (l logger) Warningf(format string, args ...any) {
	l.log.Warn("badger", "text", text(format, args))
}
func (l logger) Infof(format string, args ...any)  { l.log.Debug("badger", "text", text(format, args)) }
func (l logger) Debugf(format string, args ...any) { l.log.Debug("badger", "text", text(format, args)) }

func text(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
