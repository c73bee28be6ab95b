package archive

import (
	"strings"

	"slotfs/indexer/backup"
)

// What a pass notes of members and archives that are odd although their bytes are right.
const (
	noteNoEnd   backup.NoteKind = "no end-of-archive marker"
	noteArchive backup.NoteKind = "another archive behind the end of the archive, not read"
	noteBehind  backup.NoteKind = "data behind the end of the archive, not read"
	// NoteTime is of members with times that no file can have.
	NoteTime      backup.NoteKind = "time out of range"
	noteOwner     backup.NoteKind = "owner or group out of range"
	noteSize      backup.NoteKind = "size out of range, member left out"
	noteRecord    backup.NoteKind = "value of an extended header not usable"
	noteExtension backup.NoteKind = "extended header too long, member left out"
	noteLone      backup.NoteKind = "extended header without a member"
	noteName      backup.NoteKind = "name that leads outside or cannot exist, member left out"
	noteTarget    backup.NoteKind = "link to nothing, member left out"
	noteTornLink  backup.NoteKind = "long link whose header was overwritten by its writer"
)

// oddities are what is odd about one member.
type oddities uint8

const (
	oddTime oddities = 1 << iota
	oddOwner
	oddRecord
)

// note counts one member at path, which is kept shortened.
func (w *walker) note(kind backup.NoteKind, path string) {
	w.notes.Add(kind, strings.Clone(path[:min(len(path), maxPath)]))
}

// noteOdd counts what is odd about the member at path.
func (w *walker) noteOdd(odd oddities, path string) {
	if odd == 0 {
		return
	}
	for i, kind := range [...]backup.NoteKind{NoteTime, noteOwner, noteRecord} {
		if odd&(1<<i) != 0 {
			w.note(kind, path)
		}
	}
}

// refuse counts a member that is left out.
func (w *walker) refuse(kind backup.NoteKind, path string) {
	w.refused++
	w.note(kind, path)
}
