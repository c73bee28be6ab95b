package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	manifestPrefix = "manifest.g"
	manifestSuffix = ".jsonl.zst"
	journalPrefix  = "journal.g"
	membersPrefix  = "members.g"
	keptPrefix     = "kept.g"

	checkpointPrefix = "checkpoint.g"
	segmentPrefix    = "segment.g"
)

// StateName is the file that a slot's state is in, and PriorStateName the one that has the state before where StateName is
// missing.
const (
	StateName      = "state.json"
	PriorStateName = "state.json.prior"
)

// Name is the file name of the manifest of a generation.
func Name(gen uint64) string { return fmt.Sprintf("%s%06d%s", manifestPrefix, gen, manifestSuffix) }

// ArchiveName is the file name of a generation's archive in mode "compressed".
func ArchiveName(account string, gen uint64) string {
	return fmt.Sprintf("%s.g%06d.tar.gz", account, gen)
}

// MembersName is the file name of the list of an archive's members.
func MembersName(gen uint64) string { return fmt.Sprintf("%s%06d.jsonl.zst", membersPrefix, gen) }

// KeptName is the file name of copies of small files of an archive.
func KeptName(gen uint64) string { return fmt.Sprintf("%s%06d.tar.zst", keptPrefix, gen) }

// CheckpointName is the file name of what tells how far a generation's archive has come.
func CheckpointName(gen uint64) string { return fmt.Sprintf("%s%06d.json", checkpointPrefix, gen) }

// IsCheckpoint reports whether a name is that of any generation's checkpoint.
func IsCheckpoint(name string) bool { return strings.HasPrefix(name, checkpointPrefix) }

// SegmentName is the file name of a list of what is in an unfinished archive, told from others by id.
func SegmentName(gen uint64, id string) string {
	return fmt.Sprintf("%s%06d.%s", segmentPrefix, gen, id)
}

// AboutArchive reports whether a file in meta/ is about the archive of any generation.
func AboutArchive(name string) bool {
	about := []string{membersPrefix, keptPrefix, checkpointPrefix, segmentPrefix}
	return slices.ContainsFunc(about, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// JournalName is the file name of a segment of a generation's journal.
func JournalName(gen, seq uint64) string { return fmt.Sprintf("%s%06d.%06d", journalPrefix, gen, seq) }

// ParseName is the reverse of Name.
func ParseName(name string) (gen uint64, ok bool) {
	digits := strings.TrimSuffix(strings.TrimPrefix(name, manifestPrefix), manifestSuffix)
	gen, err := strconv.ParseUint(digits, 10, 64)
	return gen, err == nil && Name(gen) == name
}

// ParseJournalName is the reverse of JournalName.
func ParseJournalName(name string) (gen, seq uint64, ok bool) {
	first, second, _ := strings.Cut(strings.TrimPrefix(name, journalPrefix), ".")
	gen, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	seq, err = strconv.ParseUint(second, 10, 64)
	return gen, seq, err == nil && JournalName(gen, seq) == name
}
