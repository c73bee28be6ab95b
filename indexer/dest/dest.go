// Package dest is the contract of a destination: a directory on some other machine that can be listed and
// read. It knows no protocol; implementations prove themselves with the suite in desttest.
//
// Paths are '/'-separated raw bytes below the destination's directory; "" is that directory itself.
// Errors satisfy errors.Is with fs.ErrNotExist and fs.ErrPermission where the server says so, and with
// the sentinels below. A call whose context ends returns its error without waiting for the network.
package dest

import (
	"context"
	"errors"
	"io"
)

var (
	// ErrUnreachable says that no connection could be had: name, network, port or time-out.
	ErrUnreachable = errors.New("destination unreachable")
	// ErrAuth says that the server refused the user, or we refused the server's host key.
	ErrAuth = errors.New("authentication refused")
	// ErrClosed says that the destination was closed by its owner.
	ErrClosed = errors.New("destination closed")
)

// Info is what a listing tells of one name.
type Info struct {
	Name  string // last element of the path, raw bytes
	Mode  uint32 // st_mode: type and permission bits; see package backup
	UID   uint32
	GID   uint32
	Size  int64 // bytes
	MTime int64 // Unix seconds: SFTP version 3 knows no fractions
}

// Reader lists and reads.
type Reader interface {
	// List returns the names in dir, attributes included, in the server's order, without "." and
	// "..". Symbolic links are not followed.
	List(ctx context.Context, dir string) ([]Info, error)
	// ReadLink returns the text of a symbolic link.
	ReadLink(ctx context.Context, path string) (string, error)
	// Open opens a regular file for reading. It does not follow a symbolic link at path.
	Open(ctx context.Context, path string) (File, error)
}

// Stater tells about one path without following a symbolic link.
type Stater interface {
	Stat(ctx context.Context, path string) (Info, error)
}

// Destination is what the indexer and the mount need of one.
type Destination interface {
	Reader
	Stater
	io.Closer
}

// File is an open remote file. Its methods may be called side by side.
type File interface {
	// ReadAt reads len(p) bytes from offset off. It returns fewer only with an error, which is
	// io.EOF at the end of the file. Large reads are spread over requests in flight.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)
	// Stat tells the attributes as the server has them at that moment.
	Stat(ctx context.Context) (Info, error)
	Close() error
}
