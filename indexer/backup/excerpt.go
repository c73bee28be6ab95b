package backup

import "math"

// Excerpt is what is asked for of a file's content: so many bytes from its beginning and so many from its end. The zero value
// is nothing.
type Excerpt struct {
	First, Last int64
	// Unpacked says that it is asked for of what the file, packed by gzip or zstd, unpacks to: all of its bytes have to pass.
	Unpacked bool
	// Tables says that it is an SQL dump, and that it is worth knowing where its tables lie.
	Tables bool
}

// Whole is all of a file's content.
var Whole = Excerpt{First: math.MaxInt64}

// Wanted reports whether anything is asked for, be it the content of an empty file.
func (x Excerpt) Wanted() bool { return x.First > 0 || x.Last > 0 }

// Gap is the range of a file of size bytes, from one offset to before another, that need not pass; empty if all has to.
func (x Excerpt) Gap(size int64) (from, to int64) {
	if x.Unpacked {
		return size, size
	}
	from = min(x.First, size)
	return from, max(from, size-x.Last)
}

// Len is how many bytes are asked for of a file of size bytes; at most, where they are unpacked.
func (x Excerpt) Len(size int64) int64 {
	if x.Unpacked {
		return x.First + x.Last
	}
	from, to := x.Gap(size)
	return size - (to - from)
}
