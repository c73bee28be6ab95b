// Package dest is the contract of a destination: a directory on some other machine that can be listed and
// read. It knows no protocol; implementations prove themselves with the suite in desttest.
//
// # Paths and errors
//
// Paths are '/'-separated raw bytes below the destination's directory; "" is that directory itself.
// Errors satisfy errors.Is with fs.ErrNotExist and fs.ErrPermission where the server says so, and with
// the sentinels below. A call whose context ends returns its error without waiting for the network.
//
// # Lost connections
//
// A destination makes, checks and replaces its connections by itself. Package retry says how often an operation is attempted whose
// connection was lost under it, and the destination is the only one to repeat List, ReadLink, Open, Stat, all methods of File,
// SetAttributes, Space, SyncDir and SyncDirAttributes. A read goes on where it stopped: each part that arrived starts the count again, while a log-in
// or an answer to something else does not. The methods of Writer and WriteFile and the other optional ones are not repeated, since
// the server may have done what it was asked: their error is ErrConnectionLost.
//
// # Outages and deadlines
//
// While there is no connection a call waits as long as the destination's settings let it try to connect; then it fails with
// ErrUnreachable, and further calls fail at once until an attempt in the background succeeds. With a connection, a server that owes
// an answer too long is dropped with ErrNoAnswer, so that every attempt ends. Nobody above has to repeat or to time an operation:
// a deadline of the caller's context bounds how long he himself wants to wait.
//
// # Revalidation
//
// An open File stands for the file as it was when it was opened, as far as size and modification time tell. Where it has to be
// opened again, because a connection was lost or the server lets few files be open, and is another file by then, reads fail
// with backup.ErrStale. A file that is changed in place under an open File is found by Revalidator alone.
package dest

import (
	"context"
	"errors"
	"io"
)

var (
	// ErrUnreachable says that no connection could be had, or none that lasted: name, network, port or time-out.
	ErrUnreachable = errors.New("destination unreachable")
	// ErrConnectionLost says that the connection was lost under an operation that the destination does not repeat, and that may
	// have been done. Such an error is ErrUnreachable too.
	ErrConnectionLost = errors.New("connection lost")
	// ErrNoAnswer says that the server was connected and did not answer in time.
	ErrNoAnswer = errors.New("no answer from the server")
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

// Revalidator is a File that compares itself with what was opened along with every read, which saves a round trip.
type Revalidator interface {
	// Opened tells what was opened.
	Opened() Info
	// ReadBlock is ReadAt for n bytes, which belong to the caller and are not copied. unchanged says to fail with backup.ErrStale when the
	// file is not what was opened any more.
	ReadBlock(ctx context.Context, off int64, n int, unchanged bool) ([]byte, error)
}

// Troubled is a destination that tells what it suffers from.
type Troubled interface {
	// Trouble tells why there is no connection, if the last attempt to make one failed; nil while the destination answers.
	Trouble() error
}
