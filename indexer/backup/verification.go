package backup

import "time"

// Verification is what reading a backup again found: how what lies on its destination compares with what was indexed.
type Verification struct {
	// At is when the last reading began that read all of it and found nothing else than what was indexed. Zero: there was none,
	// or a difference was found since.
	At time.Time
	// Recorded is when the first reading began of a backup that has no checksums (trees, plain archives): it noted some. What was
	// there before it, nothing tells.
	Recorded time.Time
	// Read is when the last reading that came to its end began, whatever it found.
	Read time.Time
	// Differences is how many were found: by the last reading, or by the one under way if that has more.
	Differences uint64
	First       []string // of them: path and what is wrong, raw bytes
	Round       Round    // a reading under way; zero: none
}

// Round is a reading that has not come to its end. It is gone on with, possibly days later.
type Round struct {
	Began       time.Time
	Next        uint64 // where it goes on; what it counts is the reader's business
	Read        int64  // bytes, as stored
	Noted       uint64 // pieces that had no checksum before
	Differences uint64
	First       []string
}

// LastRead is when all bytes of the snapshot were read last, as far as is known; of what never was, when it was made.
func (s *Snapshot) LastRead() time.Time {
	at := s.Verified.Read
	if s.Kind == TarGzip && s.Mark == "" && s.Indexed.After(at) {
		return s.Indexed // a pass reads a compressed archive from front to back
	}
	if at.IsZero() {
		return s.Time
	}
	return at
}

// StoredSize is how many bytes a snapshot takes on its destination, as far as the index tells.
func (s *Snapshot) StoredSize() int64 {
	if s.Kind == Tree || s.Kind == Slot {
		return s.Content
	}
	var size int64
	for _, f := range s.Files {
		size += f.Size
	}
	return size
}
