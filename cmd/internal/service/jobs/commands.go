package jobs

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"slotfs/cmd/internal/hooks"
	"slotfs/sftpdest/slot"
)

// before runs the command that stands before the backup. Without it there is no backup.
func (w *run) before(ctx context.Context, a Account, staging string) error {
	if w.job.Before == "" {
		return nil
	}
	if err := w.hook("before", w.job.Before, w.environment(a, staging)).Run(ctx); err != nil {
		return fmt.Errorf("command before: %w", err)
	}
	return nil
}

// lastCommand is how long the command after a backup may take when the run was interrupted.
const lastCommand = time.Minute

// after runs the command that stands after the backup, and tells it how that ended.
func (w *run) after(ctx context.Context, a Account, staging string, summary slot.Summary, err error) error {
	if w.job.After == "" {
		return nil
	}
	env := w.environment(a, staging)
	env["SLOTFS_RESULT"] = "complete"
	if err == nil {
		env["SLOTFS_SLOT"] = strconv.Itoa(summary.Slot)
	} else {
		env["SLOTFS_RESULT"] = "failed"
	}
	if ctx.Err() != nil {
		env["SLOTFS_RESULT"] = "interrupted"
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastCommand)
		defer cancel()
	}
	if err := w.hook("after", w.job.After, env).Run(ctx); err != nil {
		return fmt.Errorf("command after: %w", err)
	}
	return nil
}

func (w *run) environment(a Account, staging string) map[string]string {
	return map[string]string{"SLOTFS_JOB": w.job.Name, "SLOTFS_ACCOUNT": a.Name, "SLOTFS_SOURCE": a.Source, "SLOTFS_STAGING": staging}
}

// hook is a command whose output is handed on.
func (w *run) hook(when, text string, env map[string]string) *hooks.Hook {
	h := &hooks.Hook{Text: text, Env: env}
	if w.Output != nil {
		prefix := fmt.Sprintf("%s/%s: %s: ", w.job.Name, env["SLOTFS_ACCOUNT"], when)
		h.Say = func(line string) { w.Output(w.show, prefix+line) }
	}
	return h
}
