package send

import (
	"context"
	"fmt"

	"slotfs/cmd/internal/hooks"
)

// command is one of the user's: the message is its standard input, the subject $SLOTFS_SUBJECT.
type command struct{ text string }

var _ Sender = (*command)(nil)

// Send implements Sender.
func (c *command) Send(ctx context.Context, m Message) error {
	h := &hooks.Hook{Text: c.text, Env: map[string]string{"SLOTFS_SUBJECT": oneLine(m.Subject)}, Input: m.Text + "\n"}
	err := h.Run(ctx)
	if ctx.Err() != nil {
		return ended(ctx)
	}
	if err != nil {
		return hinted(fmt.Errorf("command: %w", errText(err.Error())))
	}
	return nil
}
