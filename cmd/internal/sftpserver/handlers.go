package sftpserver

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/pkg/sftp"

	"slotfs/cmd/internal/service/browse"
	"slotfs/fs"
	"slotfs/indexer/backup"
	"slotfs/indexer/contain"
	"slotfs/indexer/dest"
)

// handlers answers the requests of one SFTP session.
type handlers struct {
	ctx   context.Context // ends with the session
	tree  browse.Tree
	log   *slog.Logger
	free  chan struct{} // has one for each open handle
	reads *reads
}

var (
	_ sftp.FileReader         = (*handlers)(nil)
	_ sftp.FileWriter         = (*handlers)(nil)
	_ sftp.FileCmder          = (*handlers)(nil)
	_ sftp.LstatFileLister    = (*handlers)(nil)
	_ sftp.ReadlinkFileLister = (*handlers)(nil)
)

// errReadOnly is the answer to everything that changes something.
var errReadOnly = answer("backups are read only", sftp.ErrSSHFxPermissionDenied)

// errHandles says that a session has too much open.
var errHandles = errors.New("too many open files and directories")

// Fileread implements sftp.FileReader.
func (h *handlers) Fileread(r *sftp.Request) (f io.ReaderAt, err error) {
	defer h.logPanic(&err)
	defer contain.Recover(&err)
	n, err := browse.Resolve(h.ctx, h.tree, r.Filepath)
	switch {
	case err != nil:
		return nil, explain(err)
	case n.IsDir():
		return nil, answer("is a directory", sftp.ErrSSHFxFailure)
	case n.Attr.Mode&backup.ModeType != backup.ModeRegular:
		return nil, answer("not a regular file", sftp.ErrSSHFxFailure)
	}
	release, err := h.take()
	if err != nil {
		return nil, err
	}
	content, err := h.tree.Open(h.ctx, &n)
	if err != nil {
		release()
		return nil, explain(err)
	}
	h.reads.opened(r.Filepath)
	return &file{handlers: h, content: content, size: n.Attr.Size, release: release}, nil
}

// Filewrite implements sftp.FileWriter.
func (h *handlers) Filewrite(*sftp.Request) (io.WriterAt, error) { return nil, errReadOnly }

// Filecmd implements sftp.FileCmder.
func (h *handlers) Filecmd(*sftp.Request) error { return errReadOnly }

// logPanic logs the panic that ended a request, whose text is nothing for clients.
func (h *handlers) logPanic(err *error) {
	if stack := contain.Stack(*err); stack != "" {
		h.log.Error("sftp-server", "error", *err, "stack", stack)
		*err = explain(*err)
	}
}

// take counts a handle until release is called.
func (h *handlers) take() (release func(), err error) {
	select {
	case h.free <- struct{}{}:
	default:
		return nil, errHandles
	}
	return sync.OnceFunc(func() { <-h.free }), nil
}

// Filelist implements sftp.FileLister.
func (h *handlers) Filelist(r *sftp.Request) (l sftp.ListerAt, err error) {
	defer h.logPanic(&err)
	defer contain.Recover(&err)
	n, err := browse.Resolve(h.ctx, h.tree, r.Filepath)
	if err != nil {
		return nil, explain(err)
	}
	if r.Method == "Stat" {
		return single{info{n}}, nil
	}
	if !n.IsDir() {
		return nil, answer("not a directory", sftp.ErrSSHFxFailure)
	}
	release, err := h.take()
	if err != nil {
		return nil, err
	}
	return h.list(r.Context(), n.ID, release), nil
}

// Lstat implements sftp.LstatFileLister.
func (h *handlers) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	n, err := h.lookup(r.Filepath)
	if err != nil {
		return nil, err
	}
	return single{info{n}}, nil
}

// Readlink implements sftp.ReadlinkFileLister.
func (h *handlers) Readlink(path string) (string, error) {
	n, err := h.lookup(path)
	if err != nil {
		return "", err
	}
	if !n.IsLink() {
		return "", answer("not a link", sftp.ErrSSHFxFailure)
	}
	return n.Target, nil
}

// lookup finds a path whose last name may be a link, which is not followed.
func (h *handlers) lookup(path string) (n browse.Node, err error) {
	defer h.logPanic(&err)
	defer contain.Recover(&err)
	way, err := browse.Walk(h.ctx, h.tree, path, false)
	if err != nil {
		return browse.Node{}, explain(err)
	}
	return way[len(way)-1], nil
}

// file is an open file.
type file struct {
	*handlers
	content fs.File
	size    int64
	release func()
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	defer f.logPanic(&err)
	defer contain.Recover(&err)
	if off < 0 || off >= f.size {
		return 0, io.EOF
	}
	n, err = f.content.ReadAt(f.ctx, p[:min(int64(len(p)), f.size-off)], off)
	f.reads.delivered(n)
	end := off+int64(n) >= f.size
	switch {
	case err == nil && end:
		return n, io.EOF
	case err == nil || errors.Is(err, io.EOF) && end:
		return n, err
	case errors.Is(err, io.EOF): // an end before the end would be taken for the end of the file
		return 0, explain(io.ErrUnexpectedEOF)
	}
	return 0, explain(err)
}

// Close implements io.Closer.
func (f *file) Close() error {
	defer f.release()
	return f.content.Close()
}

// info is a node as SFTP shows it.
type info struct{ browse.Node }

var _ interface {
	os.FileInfo
	sftp.FileInfoUidGid
} = info{}

// Name implements os.FileInfo.
func (i info) Name() string {
	if i.Node.Name == "" {
		return "/"
	}
	return i.Node.Name
}

// Size implements os.FileInfo.
func (i info) Size() int64 { return i.Attr.Size }

// Mode implements os.FileInfo.
func (i info) Mode() os.FileMode {
	mode := os.FileMode(i.Attr.Mode & backup.ModePerm)
	switch i.Attr.Mode & backup.ModeType {
	case backup.ModeDir:
		return mode | os.ModeDir
	case backup.ModeSymlink:
		return mode | os.ModeSymlink
	case backup.ModeFIFO:
		return mode | os.ModeNamedPipe
	case backup.ModeSocket:
		return mode | os.ModeSocket
	}
	return mode
}

// ModTime implements os.FileInfo. SFTP has 32 bits for seconds.
func (i info) ModTime() time.Time {
	const last = 1<<32 - 1
	return time.Unix(min(max(i.Attr.MTime.Sec, 0), last), 0)
}

// IsDir implements os.FileInfo.
func (i info) IsDir() bool { return i.Node.IsDir() }

// Sys implements os.FileInfo.
func (i info) Sys() any { return nil }

// Uid implements sftp.FileInfoUidGid.
func (i info) Uid() uint32 { return i.Attr.UID }

// Gid implements sftp.FileInfoUidGid.
func (i info) Gid() uint32 { return i.Attr.GID }

// failure is an error with a text for the client and the code of SFTP.
type failure struct {
	text string
	code error
}

func answer(text string, code error) error { return &failure{text, code} }

// Error implements error.
func (f *failure) Error() string { return f.text }

// Unwrap gives the code.
func (f *failure) Unwrap() error { return f.code }

// explain tells a client what went wrong, without what is nobody's business: hosts, and paths on the destination.
func explain(err error) error {
	switch {
	case errors.Is(err, iofs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		return sftp.ErrSSHFxNoSuchFile
	case errors.Is(err, iofs.ErrPermission), errors.Is(err, browse.ErrOutside):
		return sftp.ErrSSHFxPermissionDenied
	case errors.Is(err, backup.ErrStale):
		return errors.New("the backup was replaced since it was indexed")
	case errors.Is(err, dest.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return errors.New("the destination does not answer")
	case errors.Is(err, context.Canceled):
		return sftp.ErrSSHFxConnectionLost
	case errors.Is(err, syscall.ELOOP):
		return errors.New("too many levels of links")
	}
	return errors.New("the backup cannot be read here")
}
