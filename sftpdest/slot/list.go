package slot

import (
	"context"
	"fmt"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/store"
)

// lister writes the manifest of a backup.
type lister struct {
	s      *store.Store
	slot   string
	counts *progress.Counts
	temp   string // the manifest on the server, under a temporary name; "": not yet
}

// write lists steps in order, as their entries get done, in a local file.
func (l *lister) write(ctx context.Context, queue <-chan *step, list *os.File) (manifest.File, error) {
	w, err := manifest.NewWriter(list)
	if err != nil {
		return manifest.File{}, err
	}
	dropped := make(map[string]struct{}) // files with further names that are not in the backup
	for s := range queue {
		if s.done != nil {
			select {
			case <-s.done:
			case <-ctx.Done():
				return manifest.File{}, ctx.Err()
			}
		}
		if s.left {
			if s.Entry.Nlink > 1 {
				dropped[s.Entry.Path] = struct{}{}
			}
			continue
		}
		e := s.Entry
		if _, lost := dropped[e.Link]; lost && e.Link != "" {
			e.Link = ""
		}
		if err := w.Write(&e); err != nil {
			return manifest.File{}, err
		}
		l.count(&e)
	}
	if err := ctx.Err(); err != nil {
		return manifest.File{}, err
	}
	return w.Close()
}

func (l *lister) count(e *manifest.Entry) {
	switch {
	case e.Flags&manifest.Missing != 0:
		l.counts.Missing.Add(1)
	case e.IsRegular():
		l.counts.Files.Add(1)
		l.counts.Bytes.Add(e.Size)
	}
}

// put uploads the manifest to a temporary name.
func (l *lister) put(ctx context.Context, list *os.File, size int64) (err error) {
	if l.temp, err = l.s.Temps(l.slot).PutFile(ctx, list, size); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// install gives the manifest its name and makes that durable.
func (l *lister) install(ctx context.Context, name string) error {
	return l.s.Install(ctx, l.temp, l.slot+"/meta/"+name)
}
