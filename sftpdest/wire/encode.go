// Package wire is SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02, with OpenSSH's limits extension): it
// writes requests and parses replies. It knows no connection, and trusts no length that a server sends.
//
// A packet is a length (4 bytes, big endian, itself not counted), a type (1 byte), a request id (4 bytes; INIT and
// VERSION have the version there) and a body. Strings are a 4-byte length and raw bytes.
package wire

import "encoding/binary"

// Packet types.
const (
	Init     = 1
	Version  = 2
	Open     = 3
	Close    = 4
	Read     = 5
	Lstat    = 7
	Fstat    = 8
	OpenDir  = 11
	ReadDir  = 12
	RealPath = 16
	Stat     = 17
	ReadLink = 19
	Status   = 101
	Handle   = 102
	Data     = 103
	Name     = 104
	Attrs    = 105
	Extended = 200
	ExtReply = 201
)

// LimitsExtension names the request for the server's limits (OpenSSH 8.5 and later).
const LimitsExtension = "limits@openssh.com"

const openRead = 1 // SSH_FXF_READ

// AppendInit appends the packet that starts a session.
func AppendInit(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, 5)
	b = append(b, Init)
	return binary.BigEndian.AppendUint32(b, 3)
}

// AppendString appends a request whose body is one string: a path (Lstat, Stat, OpenDir, RealPath, ReadLink), a handle
// (ReadDir, Fstat, Close) or the name of an extension without arguments.
func AppendString(b []byte, typ byte, id uint32, s string) []byte {
	b = head(b, typ, id, 4+len(s))
	return str(b, s)
}

// AppendOpen appends a request to open path for reading.
func AppendOpen(b []byte, id uint32, path string) []byte {
	b = head(b, Open, id, 4+len(path)+8)
	b = str(b, path)
	b = binary.BigEndian.AppendUint32(b, openRead)
	return binary.BigEndian.AppendUint32(b, 0)
}

// AppendRead appends a request for n bytes from off.
func AppendRead(b []byte, id uint32, handle string, off int64, n int) []byte {
	b = head(b, Read, id, 4+len(handle)+12)
	b = str(b, handle)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func head(b []byte, typ byte, id uint32, body int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(5+body))
	b = append(b, typ)
	return binary.BigEndian.AppendUint32(b, id)
}

func str(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
