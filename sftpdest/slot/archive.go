package slot

import (
	"context"
	"errors"

	"slotfs/indexer/manifest"
)

func (j *job) archive(ctx context.Context) (manifest.File, error) {
	return manifest.File{}, errors.ErrUnsupported
}
