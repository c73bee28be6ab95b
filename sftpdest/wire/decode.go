package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// MaxPacket is the longest packet taken from a server, in bytes. OpenSSH sends up to 256 KiB, ProFTPD says 511 KiB.
const MaxPacket = 1 << 20

// maxOther is the longest packet that carries no content of a file: OpenSSH's client takes no packet over 256 KiB at all.
const maxOther = 512 << 10

// ErrMalformed says that a server does not speak SFTP as it is written down.
var ErrMalformed = errors.New("malformed SFTP packet")

// Status codes.
const (
	StatusOK          = 0
	StatusEOF         = 1
	StatusNoSuchFile  = 2
	StatusPermission  = 3
	StatusFailure     = 4
	StatusBadMessage  = 5
	StatusUnsupported = 8

	// Those of later versions that say what is wrong.
	StatusNoSuchPath     = 10
	StatusExists         = 11
	StatusWriteProtected = 12
	StatusNoSpace        = 14
	StatusQuota          = 15
	StatusNotEmpty       = 18
	StatusNotDirectory   = 19
	StatusInvalidName    = 20
	StatusIsDirectory    = 24
)

// Flags of Attributes.
const (
	HasSize  = 1
	HasOwner = 2
	HasMode  = 4
	HasTimes = 8

	hasExtended = 0x80000000
)

// Reply is one packet from the server. Body is part of the buffer that it was read into.
type Reply struct {
	Type byte
	ID   uint32
	Body []byte
}

// ReadReply reads one packet. alloc makes room for its bytes, at most MaxPacket.
func ReadReply(r io.Reader, alloc func(n int) []byte) (Reply, error) {
	var head [9]byte
	if _, err := io.ReadFull(r, head[:4]); err != nil {
		return Reply{}, err
	}
	n := binary.BigEndian.Uint32(head[:4])
	if n < 5 || n > MaxPacket {
		return Reply{}, fmt.Errorf("packet of %d bytes: %w", n, ErrMalformed)
	}
	if _, err := io.ReadFull(r, head[4:]); err != nil {
		return Reply{}, cut(err)
	}
	if head[4] != Data && n > maxOther {
		return Reply{}, fmt.Errorf("packet of %d bytes: %w", n, ErrMalformed)
	}
	body := alloc(int(n - 5))
	if _, err := io.ReadFull(r, body); err != nil {
		return Reply{}, cut(err)
	}
	return Reply{Type: head[4], ID: binary.BigEndian.Uint32(head[5:]), Body: body}, nil
}

// cut makes an end inside a packet unexpected.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Attributes are a file's, as far as Flags say.
type Attributes struct {
	Flags    uint32
	Size     int64
	UID, GID uint32
	Mode     uint32
	MTime    uint32
}

// Entry is one name of a listing.
type Entry struct {
	Name string
	Attributes
}

// StatusOf parses the body of a Status: its code and the server's words, which are part of body.
func StatusOf(body []byte) (code uint32, words []byte, err error) {
	d := decoder{rest: body}
	code = d.uint32()
	if d.bad {
		return 0, nil, ErrMalformed
	}
	// Version 3 drafts before 02 had no message: what is missing is empty.
	return code, d.bytes(), nil
}

// HandleOf parses the body of a Handle.
func HandleOf(body []byte) (string, error) {
	d := decoder{rest: body}
	h := d.string()
	if d.bad || len(h) > 256 {
		return "", ErrMalformed
	}
	return h, nil
}

// DataOf parses the body of a Data. The result is part of body.
func DataOf(body []byte) ([]byte, error) {
	d := decoder{rest: body}
	p := d.bytes()
	if d.bad {
		return nil, ErrMalformed
	}
	return p, nil
}

// AttrsOf parses the body of an Attrs.
func AttrsOf(body []byte) (Attributes, error) {
	d := decoder{rest: body}
	a := d.attributes()
	if d.bad {
		return a, ErrMalformed
	}
	return a, nil
}

// NamesOf parses the body of a Name and appends its entries to list. The names are copies.
func NamesOf(list []Entry, body []byte) ([]Entry, error) {
	d := decoder{rest: body}
	n := d.uint32()
	for i := uint32(0); i < n && !d.bad; i++ {
		e := Entry{Name: d.string()}
		d.bytes() // the line that `ls -l` would print
		e.Attributes = d.attributes()
		if !d.bad {
			list = append(list, e)
		}
	}
	if d.bad {
		return list, ErrMalformed
	}
	return list, nil
}

// ExtensionsOf parses the body of a Version: what the server can do beyond version 3.
func ExtensionsOf(body []byte) (map[string]string, error) {
	known := make(map[string]string)
	d := decoder{rest: body}
	for len(d.rest) > 0 && !d.bad {
		name, value := d.string(), d.string()
		known[name] = value
	}
	if d.bad {
		return nil, ErrMalformed
	}
	return known, nil
}

// Limits are what a server says it takes; 0 is unknown.
type Limits struct {
	Packet, Read, Write, Handles uint64
}

// LimitsOf parses the body of the ExtReply to LimitsExtension.
func LimitsOf(body []byte) (Limits, error) {
	d := decoder{rest: body}
	l := Limits{Packet: d.uint64(), Read: d.uint64(), Write: d.uint64(), Handles: d.uint64()}
	if d.bad {
		return Limits{}, ErrMalformed
	}
	return l, nil
}

// Volume is what StatVFSExtension tells of a file system, in its own words (statvfs(3)).
type Volume struct {
	Fragment                uint64 // bytes; the unit of the next three
	Blocks, Free, Available uint64
	Files, FreeFiles        uint64
}

// VolumeOf parses the body of the ExtReply to StatVFSExtension.
func VolumeOf(body []byte) (Volume, error) {
	d := decoder{rest: body}
	d.uint64() // block size
	v := Volume{
		Fragment: d.uint64(), Blocks: d.uint64(), Free: d.uint64(), Available: d.uint64(),
		Files: d.uint64(), FreeFiles: d.uint64(),
	}
	if d.bad {
		return Volume{}, ErrMalformed
	}
	return v, nil
}

// decoder takes values off the front of rest; after the first short read bad stays set.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if d.bad || n > len(d.rest) {
		d.bad, d.rest = true, nil
		return nil
	}
	p := d.rest[:n]
	d.rest = d.rest[n:]
	return p
}

func (d *decoder) uint32() uint32 {
	p := d.take(4)
	if p == nil {
		return 0
	}
	return binary.BigEndian.Uint32(p)
}

func (d *decoder) uint64() uint64 {
	p := d.take(8)
	if p == nil {
		return 0
	}
	return binary.BigEndian.Uint64(p)
}

func (d *decoder) bytes() []byte {
	n := d.uint32()
	if uint64(n) > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) string() string { return string(d.bytes()) }

func (d *decoder) attributes() Attributes {
	a := Attributes{Flags: d.uint32()}
	if a.Flags&HasSize != 0 {
		size := d.uint64()
		if size > math.MaxInt64 {
			d.bad = true
		}
		a.Size = int64(size)
	}
	if a.Flags&HasOwner != 0 {
		a.UID, a.GID = d.uint32(), d.uint32()
	}
	if a.Flags&HasMode != 0 {
		a.Mode = d.uint32()
	}
	if a.Flags&HasTimes != 0 {
		d.uint32() // access time
		a.MTime = d.uint32()
	}
	if a.Flags&hasExtended != 0 {
		for n := d.uint32(); n > 0 && !d.bad; n-- {
			d.bytes()
			d.bytes()
		}
	}
	return a
}
