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
	Write    = 6
	Lstat    = 7
	Fstat    = 8
	SetStat  = 9
	FSetStat = 10
	OpenDir  = 11
	ReadDir  = 12
	Remove   = 13
	MkDir    = 14
	RmDir    = 15
	RealPath = 16
	Stat     = 17
	Rename   = 18
	ReadLink = 19
	SymLink  = 20
	Status   = 101
	Handle   = 102
	Data     = 103
	Name     = 104
	Attrs    = 105
	Extended = 200
	ExtReply = 201
)

// Requests of OpenSSH beyond version 3.
const (
	LimitsExtension      = "limits@openssh.com"       // the server's limits (OpenSSH 8.5 and later)
	FsyncExtension       = "fsync@openssh.com"        // of a handle
	PosixRenameExtension = "posix-rename@openssh.com" // replaces what is there
	StatVFSExtension     = "statvfs@openssh.com"      // of a path
	HardLinkExtension    = "hardlink@openssh.com"
	CopyDataExtension    = "copy-data" // between two handles (OpenSSH 9.0 and later, ProFTPD)
)

// Flags of an open.
const (
	OpenRead     = 1
	OpenWrite    = 2
	OpenAppend   = 4
	OpenCreate   = 8
	OpenTruncate = 16
	OpenExclude  = 32
)

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

// AppendOpen appends a request to open path with flags. a is what a file gets that is made.
func AppendOpen(b []byte, id uint32, path string, flags uint32, a Attributes) []byte {
	b = head(b, Open, id, 4+len(path)+4+a.length())
	b = str(b, path)
	b = binary.BigEndian.AppendUint32(b, flags)
	return a.append(b)
}

// AppendRead appends a request for n bytes from off.
func AppendRead(b []byte, id uint32, handle string, off int64, n int) []byte {
	b = head(b, Read, id, 4+len(handle)+12)
	b = str(b, handle)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

// AppendWrite appends a request to write p at off.
func AppendWrite(b []byte, id uint32, handle string, off int64, p []byte) []byte {
	b = head(b, Write, id, 4+len(handle)+8+4+len(p))
	b = str(b, handle)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
	return append(b, p...)
}

// AppendAttributes appends a request whose body is a path (FSetStat: a handle) and attributes: MkDir, SetStat.
func AppendAttributes(b []byte, typ byte, id uint32, path string, a Attributes) []byte {
	b = head(b, typ, id, 4+len(path)+a.length())
	return a.append(str(b, path))
}

// AppendStrings appends a request whose body is two strings: Rename, or an extension and what it is about.
func AppendStrings(b []byte, typ byte, id uint32, one, two string) []byte {
	b = head(b, typ, id, 8+len(one)+len(two))
	return str(str(b, one), two)
}

// AppendPosixRename appends the request of PosixRenameExtension.
func AppendPosixRename(b []byte, id uint32, from, to string) []byte {
	b = head(b, Extended, id, 12+len(PosixRenameExtension)+len(from)+len(to))
	return str(str(str(b, PosixRenameExtension), from), to)
}

// AppendHardLink appends the request of HardLinkExtension.
func AppendHardLink(b []byte, id uint32, from, to string) []byte {
	b = head(b, Extended, id, 12+len(HardLinkExtension)+len(from)+len(to))
	return str(str(str(b, HardLinkExtension), from), to)
}

// AppendCopyData appends the request of CopyDataExtension (draft-ietf-secsh-filexfer-extensions-00, 7): n bytes
// at off of the handle from go to off of the handle to. n is never 0, which would mean all that follows.
func AppendCopyData(b []byte, id uint32, from, to string, off, n int64) []byte {
	b = head(b, Extended, id, 4+len(CopyDataExtension)+4+len(from)+16+4+len(to)+8)
	b = str(str(b, CopyDataExtension), from)
	b = binary.BigEndian.AppendUint64(b, uint64(off))
	b = binary.BigEndian.AppendUint64(b, uint64(n))
	return binary.BigEndian.AppendUint64(str(b, to), uint64(off))
}

// Asks reports whether a packet is a request that changes nothing.
func Asks(packet []byte) bool {
	switch packet[4] {
	case Read, Lstat, Fstat, OpenDir, ReadDir, RealPath, Stat, ReadLink:
		return true
	}
	return false
}

func (a Attributes) length() int { return len(a.append(nil)) }

func (a Attributes) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, a.Flags)
	if a.Flags&HasSize != 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(a.Size))
	}
	if a.Flags&HasOwner != 0 {
		b = binary.BigEndian.AppendUint32(b, a.UID)
		b = binary.BigEndian.AppendUint32(b, a.GID)
	}
	if a.Flags&HasMode != 0 {
		b = binary.BigEndian.AppendUint32(b, a.Mode)
	}
	if a.Flags&HasTimes != 0 {
		b = binary.BigEndian.AppendUint32(b, a.MTime) // access time
		b = binary.BigEndian.AppendUint32(b, a.MTime)
	}
	return b
}

func head(b []byte, typ byte, id uint32, body int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(5+body))
	b = append(b, typ)
	return binary.BigEndian.AppendUint32(b, id)
}

func str(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
