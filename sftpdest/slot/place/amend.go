package place

import (
	"context"
	"errors"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
)

// errServes says that the server took files before.
var errServes = errors.New("the server takes no more files")

// Amend writes the manifest of a spool anew where the server did not take entries as it was written before; a nil file says
// that it may stay as it is.
func (p *Placer) Amend(ctx context.Context, list *os.File) (anew *os.File, file manifest.File, err error) {
	if len(p.refusals.amends) == 0 {
		return nil, file, nil
	}
	if p.refusals.refused > 0 {
		p.trials.again() // what was refused for want of room must not be left out
		if err := p.trials.serves(ctx, 0, errServes); err != nil {
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
	if file, err = p.amend(known, anew); err != nil {
		anew.Close()
		return nil, file, err
	}
	return anew, file, nil
}

func (p *Placer) amend(known *spool.Entries, anew *os.File) (manifest.File, error) {
	w, err := manifest.NewWriter(anew)
	if err != nil {
		return manifest.File{}, err
	}
	p.counts.Files.Store(0)
	p.counts.Bytes.Store(0)
	p.counts.Missing.Store(0)
	lost := "\x00"                 // the directory that is missing
	first := make(map[string]bool) // names of hard-linked files that are missing, or are what they were
	for ; known.Head != nil; known.Advance() {
		e := *known.Head
		a := p.refusals.amends[e.Path]
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
			p.counts.Missing.Add(1)
		} else if e.IsRegular() {
			p.counts.Files.Add(1)
			p.counts.Bytes.Add(e.Size)
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
