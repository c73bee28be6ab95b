package cpanel

import (
	"context"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

func (e *Engine) Wants(path string, size int64) bool { return false }

func (e *Engine) Describe(ctx context.Context, s *backup.Source, t *tree.Tree, read engine.ReadFunc) (engine.Description, error) {
	return engine.Description{}, nil
}
