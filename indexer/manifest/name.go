package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	manifestPrefix = "manifest.g"
	manifestSuffix = ".jsonl.zst"
	journalPrefix  = "journal.g"
)

// Name is the file name of the manifest of a generation.
func Name(gen uint64) string { return fmt.Sprintf("%s%06d%s", manifestPrefix, gen, manifestSuffix) }

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
