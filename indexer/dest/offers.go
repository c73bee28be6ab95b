package dest

import "context"

// What follows is what some servers offer beyond Writer. Having a method does not mean that the server behind it can:
// errors.ErrUnsupported says that it cannot, and that nothing was changed. As with Writer, a request whose connection
// was lost is not repeated.

// Linker makes hard links.
type Linker interface {
	// Link gives the file at from the further name to, which must not be there.
	Link(ctx context.Context, from, to string) error
}

// Symlinker makes symbolic links.
type Symlinker interface {
	// Symlink makes path a symbolic link with the text target. A name that is there is an error.
	Symlink(ctx context.Context, target, path string) error
}

// Copier copies on the server.
type Copier interface {
	// Copy makes the new file to with the first size bytes of the file from, and sets a. It fails if from is shorter.
	// synced says that to is on the server's disk, which is tried if sync asks for it.
	Copy(ctx context.Context, from, to string, size int64, a Attributes, sync bool) (synced bool, err error)
}

// RangeCopier copies parts of files on the server.
type RangeCopier interface {
	// CopyRanges is Copy for a file of that size of which only ranges hold data: ascending, none of them empty. What is in no
	// range becomes a hole.
	CopyRanges(ctx context.Context, from, to string, size int64, ranges []Range, a Attributes, sync bool) (synced bool, err error)
}

// Range is a part of a file, in bytes.
type Range struct{ Offset, Length int64 }

// FileWriter writes small files in few round trips.
type FileWriter interface {
	// Put makes the new file path with content, which is small enough to be in flight at once (at most 1 MiB), and
	// sets a; the server confirmed all of it. synced is as for Copy.
	Put(ctx context.Context, path string, content []byte, a Attributes, sync bool) (synced bool, err error)
}

// DirSyncer makes names durable.
type DirSyncer interface {
	// SyncDir waits until the names in the directory path are on the server's disk.
	SyncDir(ctx context.Context, path string) error
}

// DurableRenamer moves names durably in fewer round trips.
type DurableRenamer interface {
	// Install is Rename, and behind it SyncDir of the directory of to. An error that is not ErrUnreachable and names from is that
	// of Rename. synced says that the new name is on the server's disk; a server that cannot say leaves it false.
	Install(ctx context.Context, from, to string) (synced bool, err error)
	// SyncDirAttributes is SetAttributes, and behind it SyncDir of the directory path.
	SyncDirAttributes(ctx context.Context, path string, a Attributes) (synced bool, err error)
}

// StatFS tells how much room there is.
type StatFS interface {
	Space(ctx context.Context, path string) (Space, error)
}

// Space is the room that the file system of a path has left for the account that asks.
type Space struct {
	Bytes int64
	Files int64 // -1: the server does not say
	Size  int64 // what there is to share, in bytes, taken or not; 0: the server does not say
}
