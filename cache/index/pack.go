package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// Tags of values: how the data after it is packed.
const (
	tagRaw  = 0
	tagZstd = 1
)

// maxValue bounds what a value may unpack to: nobody stores more, and a damaged one must not fill the memory.
const maxValue = 256 << 20

var errPacked = errors.New("damaged value")

// packer compresses values.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() (packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(1<<20),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	if err != nil {
		return packer{}, fmt.Errorf("zstd: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxValue))
	if err != nil {
		return packer{}, fmt.Errorf("zstd: %w", err)
	}
	return packer{enc: enc, dec: dec}, nil
}

func (p packer) close() {
	if p.dec != nil {
		p.dec.Close()
	}
}

// pack appends the tag and the packed data to head.
func (p packer) pack(head, data []byte) []byte {
	start := len(head)
	out := p.enc.EncodeAll(data, append(head, tagZstd))
	if len(out)-start-1 < len(data) {
		return out
	}
	return append(append(out[:start], tagRaw), data...)
}

// unpack is the reverse of pack. The result does not alias value.
func (p packer) unpack(value []byte) ([]byte, error) {
	if len(value) == 0 {
		return nil, errPacked
	}
	switch value[0] {
	case tagRaw:
		return append([]byte(nil), value[1:]...), nil
	case tagZstd:
		return p.dec.DecodeAll(value[1:], nil)
	}
	return nil, errPacked
}

// seal packs a record, with a checksum between the tag and the data.
func (p packer) seal(data []byte) []byte {
	packed := p.pack(nil, data)
	return withSum(packed[0], data, packed[1:])
}

// sealPlain is seal for what would not become shorter.
func sealPlain(data []byte) []byte { return withSum(tagRaw, data, data) }

func withSum(tag byte, data, packed []byte) []byte {
	out := make([]byte, 5, 5+len(packed))
	out[0] = tag
	binary.LittleEndian.PutUint32(out[1:], crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, packed...)
}

// unseal is the reverse of seal.
func (p packer) unseal(value []byte) ([]byte, error) {
	if len(value) < 5 {
		return nil, errPacked
	}
	data, err := p.unpack(append([]byte{value[0]}, value[5:]...))
	if err != nil {
		return nil, err
	}
	if crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(value[1:]) {
		return nil, errPacked
	}
	return data, nil
}
