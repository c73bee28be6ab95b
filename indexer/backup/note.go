package backup

// NoteKind says in the words of a person what happened to entries of a backup: "time out of range".
type NoteKind string

// Missing are entries of the source that the backup does not have: the server takes them under no name.
const Missing NoteKind = "missing: the server refuses it"

// Note says that something of a backup is not shown as it stands there, although its bytes are right.
type Note struct {
	Kind    NoteKind
	Count   uint64 // how many entries it happened to
	Example string // the path of the first one, raw bytes; may be empty
}

// maxNotes bounds Notes: kinds come from programs, but a list has an end all the same.
const maxNotes = 64

// Notes lists what happened, one Note for each kind, in the order in which kinds came first.
type Notes []Note

// Add counts one entry.
func (n *Notes) Add(kind NoteKind, example string) { n.AddCount(kind, 1, example) }

// AddCount counts several entries, of which example is the first. None adds nothing.
func (n *Notes) AddCount(kind NoteKind, count uint64, example string) {
	if count == 0 {
		return
	}
	for i := range *n {
		if (*n)[i].Kind == kind {
			(*n)[i].Count += count
			return
		}
	}
	if len(*n) < maxNotes {
		*n = append(*n, Note{Kind: kind, Count: count, Example: example})
	}
}

// Of is how many entries are of one kind.
func (n Notes) Of(kind NoteKind) uint64 {
	for i := range n {
		if n[i].Kind == kind {
			return n[i].Count
		}
	}
	return 0
}

// Total is how many entries the notes are about.
func (n Notes) Total() uint64 {
	var total uint64
	for i := range n {
		total += n[i].Count
	}
	return total
}
