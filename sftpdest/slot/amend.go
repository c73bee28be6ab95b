package slot

import (
	"context"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
)

// amended writes the manifest of a spool anew where the server did not take entries as it was written before; a nil file says
// that it may stay as it is.
func (j *job) amended(ctx context.Context, list *os.File) (anew *os.File, file manifest.File, err error) {
	if len(j.left.amends) == 0 {
		return nil, file, nil
	}
	if j.left.refused > 0 {
		j.left.served = j.left.served.Add(-servingFor) // what was refused for want of room must not be left out
		if err := j.serves(ctx, 0, errServes); err != nil {
			return nil, file, err
		}
	}
	known, err := spool.Open(list)
	if err != nil {
		return nil, file, err
	}
	defer known.Close()
	if anew, err = spool.New(); err != nil {
		return nil, file, err
	}
	if file, err = j.amendAll(known, anew); err != nil {
		anew.Close()
		return nil, file, err
	}
	return anew, file, nil
}

func (j *job) amendAll(known *spool.Entries, anew *os.File) (manifest.File, error) {
	w, err := manifest.NewWriter(anew)
	if err != nil {
		return manifest.File{}, err
	}
	j.count.Files.Store(0)
	j.count.Bytes.Store(0)
	j.count.Missing.Store(0)
	lost := "\x00"                 // the directory that is missing
	first := make(map[string]bool) // names of hard-linked files that are missing, or are what they were
	for ; known.Head != nil; known.Advance() {
		e := *known.Head
		a := j.left.amends[e.Path]
		switch {
		case manifest.Below(e.Path, lost), a.missing && a.kept == nil:
			e.Flags |= manifest.Missing
			e.Digest, e.Stored, e.Link = manifest.Digest{}, "", ""
		case a.kept != nil:
			e = *a.kept
		case a.stored != "":
			e.Stored = a.stored
		}
		if e.Nlink > 1 && (a.missing || e.Flags&manifest.Missing != 0) {
			first[e.Path] = true
		}
		if first[e.Link] {
			e.Link = ""
		}
		if e.Flags&manifest.Missing != 0 {
			if e.IsDir() && !manifest.Below(e.Path, lost) {
				lost = e.Path
			}
			j.count.Missing.Add(1)
		} else if e.IsRegular() {
			j.count.Files.Add(1)
			j.count.Bytes.Add(e.Size)
		}
		if err := w.Write(&e); err != nil {
			return manifest.File{}, err
		}
	}
	if known.Err != nil {
		return manifest.File{}, known.Err
	}
	return w.Close()
}
