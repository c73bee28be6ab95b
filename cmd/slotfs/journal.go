package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// journaled reports whether what is written to f goes to the journal of systemd, as systemd.exec(5) says under
// $JOURNAL_STREAM.
func journaled(f *os.File) bool {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// journalHandler writes each message behind its priority, as sd-daemon(3) has it. The journal has the time itself.
type journalHandler struct {
	slog.Handler // writes to text
	out          io.Writer
	mu           *sync.Mutex   // held from writing to text until it is empty again
	text         *bytes.Buffer // one message
}

var _ slog.Handler = (*journalHandler)(nil)

func newJournalHandler(w io.Writer, o *slog.HandlerOptions) *journalHandler {
	withoutTime := *o
	withoutTime.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}
	text := &bytes.Buffer{}
	return &journalHandler{Handler: slog.NewTextHandler(text, &withoutTime), out: w, mu: &sync.Mutex{}, text: text}
}

// Handle implements slog.Handler.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text.Reset()
	fmt.Fprintf(h.text, "<%d>", priority(r.Level))
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.Write(h.text.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithAttrs(attrs)
	return &with
}

// WithGroup implements slog.Handler.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.Handler = h.Handler.WithGroup(name)
	return &with
}

// priority is the level of syslog(3) that stands for l.
func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
