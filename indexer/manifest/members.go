package manifest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// SumBlock is how many bytes of a gzip member's text one of its checksums covers.
const SumBlock = 128 << 10

const (
	membersHead = `{"slotfs":"members","format":1}` + "\n"
	// maxMembersText bounds what a list of members is unpacked to: enough for archives of some TiB.
	maxMembersText = 256 << 20
	// maxMember bounds the text of a gzip member. Writers stay far below.
	maxMember = 64 << 20
)

// Member is one gzip member of an archive. Members follow one another without gaps, and each can be decoded without
// the others.
type Member struct {
	Size   int64    // bytes as stored
	Length int64    // bytes of text
	Sums   []uint32 // CRC-32C of each SumBlock bytes of the text, the last one shorter
}

// Sums are the checksums of a member's text.
func Sums(text []byte) []uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sums := make([]uint32, 0, (len(text)+SumBlock-1)/SumBlock)
	for len(text) > 0 {
		n := min(len(text), SumBlock)
		sums = append(sums, crc32.Checksum(text[:n], table))
		text = text[n:]
	}
	return sums
}

// Members is the list of an archive's members while it is written. It is small: some 100 bytes for each 2 MiB of text.
type Members struct{ text []byte }

// Add appends the next member.
func (m *Members) Add(one Member) {
	if len(m.text) == 0 {
		m.text = append(m.text, membersHead...)
	}
	m.text = fmt.Appendf(m.text, `{"size":%d,"length":%d,"crc32c":"`, one.Size, one.Length)
	for _, sum := range one.Sums {
		m.text = hex.AppendEncode(m.text, binary.BigEndian.AppendUint32(nil, sum))
	}
	m.text = append(m.text, "\"}\n"...)
}

// Encode gives the bytes of the file.
func (m *Members) Encode() ([]byte, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(frameText))
	if err != nil {
		return nil, fmt.Errorf("write members: %w", err)
	}
	defer encoder.Close()
	return encoder.EncodeAll(m.text, nil), nil
}

// DecodeMembers hands each member to add, in order. That the bytes are those that a state names is for the caller to
// check before.
func DecodeMembers(data []byte, add func(Member) error) error {
	decoder, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxMembersText))
	if err != nil {
		return fmt.Errorf("read members: %w: %w", errDamaged, err)
	}
	defer decoder.Close()
	lines := bufio.NewScanner(decoder)
	if !lines.Scan() || lines.Text()+"\n" != membersHead {
		return fmt.Errorf("read members: %w: it does not begin as such a list", errDamaged)
	}
	for total := 0; lines.Scan(); {
		total += len(lines.Bytes())
		if total > maxMembersText {
			return fmt.Errorf("read members: %w: too many", errDamaged)
		}
		one, err := parseMember(lines.Bytes())
		if err != nil {
			return fmt.Errorf("read members: %w: %w", errDamaged, err)
		}
		if err := add(one); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read members: %w: %w", errDamaged, err)
	}
	return nil
}

func parseMember(line []byte) (Member, error) {
	var raw struct {
		Size   int64  `json:"size"`
		Length int64  `json:"length"`
		Sums   string `json:"crc32c"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return Member{}, err
	}
	sums, err := hex.DecodeString(raw.Sums)
	if err != nil {
		return Member{}, err
	}
	m := Member{Size: raw.Size, Length: raw.Length}
	blocks := (m.Length + SumBlock - 1) / SumBlock
	if m.Size < 1 || m.Size > 2*maxMember || m.Length < 1 || m.Length > maxMember || int64(len(sums)) != 4*blocks {
		return Member{}, errors.New("a member that cannot be")
	}
	for ; len(sums) > 0; sums = sums[4:] {
		m.Sums = append(m.Sums, binary.BigEndian.Uint32(sums))
	}
	return m, nil
}
