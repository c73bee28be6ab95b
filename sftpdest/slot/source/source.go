// Package source reads what is backed up: a local folder whose owner may race against us. It opens everything below a
// directory handle without following links. It knows no destination.
package source

import (
	"context"
	"iter"

	"slotfs/indexer/manifest"
)

// Options say what of a folder is backed up.
type Options struct {
	Exclude       []string // patterns as rsync has them: anchored with '/', '**', trailing '/' for folders
	ExcludeFile   string   // name of a file in the folder with more patterns, one a line; "" is none
	CacheDirs     bool     // leave out what is below a CACHEDIR.TAG
	OneFileSystem bool
	// Also joins a second folder into the tree at a path of its own: what a command staged.
	Also map[string]string // path in the backup -> local folder
}

// Tree is a folder to be read.
type Tree struct{}

// Open takes hold of the folder at root.
func Open(root string, o Options) (*Tree, error) { panic("unwritten") }

// Found is one entry as the walk sees it.
type Found struct {
	manifest.Entry // Hash empty
	// Frozen says that the folder's listing could not be read (EACCES, EIO): what is below is not gone.
	Frozen bool
}

// Walk yields everything in manifest order. Vanished files are left out; a folder that cannot be read is yielded
// with Frozen. An error ends the walk.
func (t *Tree) Walk(ctx context.Context) iter.Seq2[*Found, error] { panic("unwritten") }

// File is an open regular file.
type File struct{}

// OpenFile opens the file at path for reading and makes sure that it still is the regular file that Walk found (device and inode);
// fs.ErrNotExist if it vanished or is something else now.
func (t *Tree) OpenFile(path string, e *manifest.Entry) (*File, error) { panic("unwritten") }

// ReadAt reads the file.
func (f *File) ReadAt(p []byte, off int64) (int, error) { panic("unwritten") }

// Unchanged compares size, mtime and ctime with what they were when the file was opened, and fills in e anew if not.
func (f *File) Unchanged(e *manifest.Entry) (bool, error) { panic("unwritten") }

// Close closes the file.
func (f *File) Close() error { panic("unwritten") }

// Close lets go of the folder.
func (t *Tree) Close() error { panic("unwritten") }
