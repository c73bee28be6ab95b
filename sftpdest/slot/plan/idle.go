package plan

import (
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
)

// idle is the manifest to be, as long as nothing has to be done for it.
type idle struct {
	list   *os.File
	writer *manifest.Writer
	file   manifest.File
}

func newIdle() (i *idle, err error) {
	i = &idle{}
	if i.list, err = spool.New(); err == nil {
		i.writer, err = manifest.NewWriter(i.list)
	}
	return i, err
}

func (i *idle) add(a *Action) error { return i.writer.Write(&a.Entry) }

func (i *idle) end() (err error) {
	i.file, err = i.writer.Close()
	return err
}

func (i *idle) close() { i.list.Close() }

// idle reports whether nothing has to be done on the server, base being what the slot has.
func (a *Action) idle(base *manifest.Entry) bool {
	switch {
	case base != nil && base.Stored != a.Entry.Stored:
		return false
	case a.Do == Nothing:
		return a.Have == None
	case a.Do != Keep || a.Entry.Flags&manifest.Stale != 0:
		return false
	case a.Entry.IsDir():
		return base != nil && base.MTime == a.Entry.MTime && base.Mode == a.Entry.Mode
	}
	return true
}
