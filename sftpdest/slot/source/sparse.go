package source

import (
	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// maxSeeks bounds how often a file is asked for its holes. What comes behind is taken for data.
const maxSeeks = 1 << 20

// isSparse reports whether a file may have holes.
func isSparse(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size > 0 && st.Blocks < (st.Size+511)/512
}

// dataOf lists the regions of a file that hold data; nil: there are no holes.
func dataOf(fd int, size int64) ([]backup.Extent, error) {
	all := []backup.Extent{}
	for at, seeks := int64(0), 0; at < size; seeks += 2 {
		start, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if err == unix.ENXIO || err == nil && start >= size {
			break // nothing but a hole
		}
		if err != nil {
			return nil, err
		}
		end := size
		if seeks < maxSeeks {
			if end, err = unix.Seek(fd, start, unix.SEEK_HOLE); err != nil && err != unix.ENXIO {
				return nil, err
			}
			// The file may have been cut meanwhile.
			if end = min(end, size); err != nil || end <= start {
				end = size
			}
		}
		all = appendExtent(all, backup.Extent{Offset: start, Length: end - start})
		at = end
	}
	if len(all) == 1 && all[0] == (backup.Extent{Length: size}) {
		return nil, nil
	}
	return all, nil
}

// appendExtent adds a region behind the others. Of too many, those with the smallest holes between them become one.
func appendExtent(all []backup.Extent, x backup.Extent) []backup.Extent {
	all = append(all, x)
	if len(all) <= manifest.MaxExtents {
		return all
	}
	for hole := int64(4096); len(all) > manifest.MaxExtents/2; hole *= 2 {
		kept := all[:1]
		for _, x := range all[1:] {
			last := &kept[len(kept)-1]
			if x.Offset-(last.Offset+last.Length) <= hole {
				last.Length = x.Offset + x.Length - last.Offset
			} else {
				kept = append(kept, x)
			}
		}
		all = kept
	}
	return all
}
