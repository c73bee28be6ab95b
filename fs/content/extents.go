package content

import (
	"sort"

	"slotfs/indexer/backup"
)

// extent is a region of a file that holds data.
type extent struct {
	start  int64 // in the file
	length int64
	at     int64 // in the source
}

// extentsOf tells where the content of an archive's member is: one region, or those of a sparse file, whose data
// stands packed in the archive.
func extentsOf(e *backup.Entry) []extent {
	if e.Sparse == nil {
		return []extent{{length: e.Size, at: e.Offset}}
	}
	var parts []extent
	at := e.Offset
	for _, x := range e.Sparse {
		if x.Length > 0 {
			parts = append(parts, extent{start: x.Offset, length: x.Length, at: at})
		}
		at += x.Length
	}
	return parts
}

// find tells what is at offset off of a file: data, which begins at the offset at in the source, or a hole. It
// goes on for length bytes; -1 stands for the rest of the file.
func find(parts []extent, off int64) (length, at int64, data bool) {
	i := sort.Search(len(parts), func(i int) bool { return parts[i].start+parts[i].length > off })
	switch {
	case i == len(parts):
		return -1, 0, false
	case off < parts[i].start:
		return parts[i].start - off, 0, false
	}
	into := off - parts[i].start
	return parts[i].length - into, parts[i].at + into, true
}
