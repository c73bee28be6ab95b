package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxState bounds state.json, in bytes.
const maxState = 4096

// lengths is how many states in a row have lengths of their own.
const lengths = 16

// maxSlots is the highest number of a slot: 999 and a spare one.
const maxSlots = 1000

// checked is state.json.
type checked struct {
	State
	Check string `json:"check"`
}

// Encode gives the bytes of state.json. A Format of zero is the present one. Times are written in UTC.
func (s *State) Encode() ([]byte, error) {
	c := checked{State: *s}
	if c.Format == 0 {
		c.Format = Format
	}
	for _, t := range []*time.Time{&c.Started, &c.Finished, &c.Verified} {
		*t = t.UTC().Round(0)
	}
	if err := c.State.valid(); err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	text, err := c.encode()
	if err != nil {
		return nil, fmt.Errorf("encode state: %w", err)
	}
	if len(text) > maxState {
		return nil, fmt.Errorf("encode state: %d bytes, more than %d", len(text), maxState)
	}
	return text, nil
}

// encode gives the line with its check.
//
// SFTP tells times in seconds: who watches a slot for its next state by size and time would miss one that comes within
// a second at the same length. So the length, by spaces at the end, counts the states of a slot.
func (c *checked) encode() ([]byte, error) {
	c.Check = ""
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(text, '\n'))
	c.Check = hex.EncodeToString(sum[:8])
	text, err = json.Marshal(c)
	if err != nil {
		return nil, err
	}
	count := 2 * c.Epoch
	if c.Phase == Complete {
		count++
	}
	for uint64(len(text)+1)%lengths != count%lengths {
		text = append(text, ' ')
	}
	return append(text, '\n'), nil
}

// DecodeState reads state.json and refuses what is damaged, too long or of another format.
func DecodeState(data []byte) (*State, error) {
	if len(data) > maxState {
		return nil, fmt.Errorf("decode state: more than %d bytes", maxState)
	}
	// The format comes first: another one may have other fields.
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decode state: %w: %w", errDamaged, err)
	}
	if head.Format != Format {
		return nil, fmt.Errorf("decode state: format %d is unknown", head.Format)
	}
	var c checked
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return nil, fmt.Errorf("decode state: %w: %w", errDamaged, err)
	}
	again, err := c.encode()
	if err != nil || !bytes.Equal(again, data) {
		return nil, fmt.Errorf("decode state: %w: its check does not match", errDamaged)
	}
	if err := c.State.valid(); err != nil {
		return nil, fmt.Errorf("decode state: %w", err)
	}
	return &c.State, nil
}

func (s *State) valid() error {
	switch {
	case s.Format != Format:
		return fmt.Errorf("format %d is unknown", s.Format)
	case s.Slot < 1 || s.Slot > maxSlots:
		return fmt.Errorf("slot %d out of range", s.Slot)
	case s.Mode != Incremental && s.Mode != Compressed:
		return fmt.Errorf("mode %q is unknown", s.Mode)
	case s.Phase == Complete && s.Manifest == nil:
		return errors.New("complete without a manifest")
	}
	switch s.Phase {
	case Filling, Updating, Complete, Damaged, Deleting:
	default:
		return fmt.Errorf("phase %q is unknown", s.Phase)
	}
	switch s.Durability {
	case "", "fsync", "none":
	default:
		return fmt.Errorf("durability %q is unknown", s.Durability)
	}
	if s.Times != "" && s.Times != NoTimes {
		return fmt.Errorf("times %q are unknown", s.Times)
	}
	if len(s.Traits) > len(traits) || s.Missing < 0 {
		return errors.New("more traits of a server than there are, or less than nothing missing")
	}
	for _, t := range s.Traits {
		if !slices.Contains(traits, t) {
			return fmt.Errorf("trait %q of a server is unknown", t)
		}
	}
	for _, text := range []string{s.Run, s.Host, s.Account, s.Job, s.Tool, s.Machine} {
		if !utf8.ValidString(text) {
			return fmt.Errorf("%q is not valid UTF-8", text)
		}
	}
	for _, f := range s.files() {
		if err := f.valid(); err != nil {
			return err
		}
	}
	if s.Archive != nil && s.Archive.Content < 0 {
		return errors.New("an archive of less than nothing")
	}
	return nil
}

// Names reports whether the state names a file of meta/.
func (s *State) Names(name string) bool {
	return slices.ContainsFunc(s.files(), func(f *File) bool { return f.Name == name })
}

// FilesIn reports whether in holds for the names of all files that the state names.
func (s *State) FilesIn(in func(name string) bool) bool {
	return !slices.ContainsFunc(s.files(), func(f *File) bool { return !in(f.Name) })
}

// files are those that the state names.
func (s *State) files() []*File {
	var all []*File
	if s.Manifest != nil {
		all = append(all, s.Manifest)
	}
	if a := s.Archive; a != nil {
		all = append(all, &a.File, &a.Members)
		if a.Kept != nil {
			all = append(all, a.Kept)
		}
	}
	return all
}

func (f *File) valid() error {
	if f.Name == "" || !utf8.ValidString(f.Name) {
		return fmt.Errorf("file name %q cannot be", f.Name)
	}
	if err := checkPath(f.Name); err != nil {
		return fmt.Errorf("file name: %w", err)
	}
	if !isHash(f.SHA256) || f.Size < 0 || f.Entries < 0 || f.Bytes < 0 {
		return fmt.Errorf("file %s: size, counts or hash cannot be", f.Name)
	}
	return nil
}

// isHash reports whether s is a SHA-256 in lower case hexadecimal.
func isHash(s string) bool {
	return len(s) == hex.EncodedLen(sha256.Size) && strings.Trim(s, "0123456789abcdef") == ""
}
