package source

import (
	"slices"
	"sort"

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
			end = min(end, size)
			if err != nil || end <= start {
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

// appendExtent adds a region behind the others. Of too many, those with the smallest holes between them become one: no
// more zeros than necessary are taken for data.
func appendExtent(all []backup.Extent, x backup.Extent) []backup.Extent {
	all = append(all, x)
	if len(all) <= manifest.MaxExtents {
		return all
	}
	const kept = manifest.MaxExtents / 2 // holes
	holes := make([]int64, len(all)-1)
	for i := range holes {
		holes[i] = all[i+1].Offset - all[i].Offset - all[i].Length
	}
	sorted := slices.Sorted(slices.Values(holes))
	least := sorted[len(sorted)-kept]
	equal := kept - (len(sorted) - sort.Search(len(sorted), func(i int) bool { return sorted[i] > least })) // of the least ones
	out := all[:1]
	for i, x := range all[1:] {
		if holes[i] == least {
			equal--
		}
		if holes[i] > least || holes[i] == least && equal >= 0 {
			out = append(out, x)
		} else {
			last := &out[len(out)-1]
			last.Length = x.Offset + x.Length - last.Offset
		}
	}
	return out
}

// maxScattered is how many bytes of holes may be taken for data because a file has more regions than can be listed.
const maxScattered = 1 << 40

// scattered reports whether a file has so many regions, so far apart, that nobody could read it for its holes.
func scattered(all []backup.Extent, st *unix.Stat_t) bool {
	data := int64(0)
	for _, x := range all {
		data += x.Length
	}
	return len(all) >= manifest.MaxExtents/2 && data-st.Blocks*512 > maxScattered
}
