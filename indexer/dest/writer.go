package dest

import "context"

// Writer is a destination that can be changed. Requests that may not be made twice (Mkdir, Rename, Remove, RemoveDir,
// Create and what is done with a WriteFile) are not repeated when the connection is lost under them: the error then is
// ErrConnectionLost, and whether they were done is not known.
type Writer interface {
	Creator
	Mover
}

// ReadWriter is a destination that can be read and changed.
type ReadWriter interface {
	Destination
	Writer
}

// Creator makes files and directories.
type Creator interface {
	// Create opens a file for writing; one that is there and may not be is fs.ErrExist. Permission bits of how are those of a file that is made, as far as the
	// server's umask lets them.
	Create(ctx context.Context, path string, how Create) (WriteFile, error)
	// Mkdir makes a directory. One that is there already is fs.ErrExist. Some servers do not heed permissions:
	// SetAttributes makes sure.
	Mkdir(ctx context.Context, path string, permissions uint32) error
	// SetAttributes changes what is set in a. A server that shortens no file gives errors.ErrUnsupported.
	SetAttributes(ctx context.Context, path string, a Attributes) error
}

// Mover moves names and takes them away.
type Mover interface {
	// Rename moves from to to, and replaces a file that is there at once. A server that cannot replace gives
	// errors.ErrUnsupported where something is there, and nothing was changed.
	Rename(ctx context.Context, from, to string) error
	// Remove removes what is no directory.
	Remove(ctx context.Context, path string) error
	// RemoveDir removes an empty directory.
	RemoveDir(ctx context.Context, path string) error
}

// Create says how a file is opened for writing.
type Create struct {
	Permissions uint32 // of a file that is made; 0: 0600
	Append      bool   // writes go to the end, whoever else writes there
	Existing    bool   // it may be there already; otherwise that is an error
	LongLived   bool   // it stays open for long: where few files may be open, one is left to others
}

// Attributes are what SetAttributes changes: nil leaves as is.
type Attributes struct {
	Permissions *uint32 // the lowest 12 bits of st_mode
	Size        *int64  // bytes
	MTime       *int64  // Unix seconds
}

// WriteFile is a file that is open for writing.
type WriteFile interface {
	// WriteAt writes p at off, with several requests in flight. An error says that any part of p may be there.
	WriteAt(ctx context.Context, p []byte, off int64) (int, error)
	// Sync waits until what was written is on the server's disk. errors.ErrUnsupported: the server cannot say.
	Sync(ctx context.Context) error
	// Close gives the file back and waits for the server's word that all is written. It is called once.
	Close(ctx context.Context) error
}
