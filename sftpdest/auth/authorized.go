package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/settings"
)

const (
	sshDir         = ".ssh"
	authorizedKeys = sshDir + "/authorized_keys"
	// tempKeys begins the name of a file that is to become authorizedKeys; one that is older than leftOver was left by a kill.
	tempKeys   = authorizedKeys + ".slotfs-"
	staleAfter = time.Hour
	// changedMeanwhile is how often the file is read while somebody else changes it.
	changedMeanwhile = 5
	// mostAuthorized bounds the file that is read and written again.
	maxAuthorized = 4 << 20
)

// authorized is the authorized_keys file of the remote user. Only lines about one key come and go.
type authorized struct {
	home     dest.ReadWriter // of the user
	settings settings.Settings
	log      *slog.Logger
	key      ssh.PublicKey
	madeDir  bool
	madeFile bool
	dirMode  uint32 // before it was changed; 0: not known
	fileMode uint32
	before   []byte // the file before a line was added
}

// read gets the whole file, again if somebody changes it meanwhile; one that is not there is empty.
func (a *authorized) read(ctx context.Context) (content []byte, info dest.Info, err error) {
	for range changedMeanwhile {
		if content, info, err = a.readOnce(ctx); !errors.Is(err, backup.ErrStale) {
			break
		}
	}
	return content, info, err
}

func (a *authorized) readOnce(ctx context.Context) ([]byte, dest.Info, error) {
	f, err := a.home.Open(ctx, authorizedKeys)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, dest.Info{}, nil
	}
	if err != nil {
		return nil, dest.Info{}, err
	}
	defer f.Close()
	info, err := f.Stat(ctx)
	if err != nil {
		return nil, info, err
	}
	if info.Size > maxAuthorized {
		return nil, info, fmt.Errorf("%s has %d bytes: too large to be changed", authorizedKeys, info.Size)
	}
	content := make([]byte, info.Size)
	if _, err := f.ReadAt(ctx, content, 0); err != nil && err != io.EOF {
		return nil, info, err
	}
	return content, info, nil
}

// prepare makes the directory where there is none, and notes what is there.
func (a *authorized) prepare(ctx context.Context) error {
	info, err := a.home.Stat(ctx, sshDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = a.home.Mkdir(ctx, sshDir, 0o700)
		a.madeDir = err == nil
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case err != nil:
		return err
	case info.Mode&backup.ModeType == backup.ModeDir:
		a.dirMode = info.Mode & 0o7777
		a.sweep(ctx)
	}
	before, info, err := a.read(ctx)
	if err != nil {
		return err
	}
	a.before, a.madeFile, a.fileMode = before, info.Mode == 0, info.Mode&0o7777
	return nil
}

// add appends line with one write, so that whoever appends at the same time loses nothing, and looks whether it
// arrived.
func (a *authorized) add(ctx context.Context, line string) error {
	text := line + "\n"
	if len(a.before) > 0 {
		text = "\n" + text // the last line may lack its end
	}
	o, err := a.home.Create(ctx, authorizedKeys, dest.Create{Append: true, Existing: true})
	if err != nil {
		return err
	}
	_, err = o.WriteAt(ctx, []byte(text), int64(len(a.before)))
	if err == nil {
		if err = o.Sync(ctx); errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	if err := errors.Join(err, o.Close(ctx)); err != nil {
		return err
	}
	a.protect(ctx, sshDir, a.madeDir, 0o700, a.dirMode)
	a.protect(ctx, authorizedKeys, a.madeFile, 0o600, a.fileMode)
	after, _, err := a.read(ctx)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(after, a.before) || !bytes.Contains(after, []byte(line+"\n")) {
		return fmt.Errorf("%s does not pauseTimer what was written to it", authorizedKeys)
	}
	return nil
}

// protect gives what was made its mode, and takes the right to write from others of what was there: sshd takes keys from no
// file or directory that others can write. All other modes stay.
func (a *authorized) protect(ctx context.Context, path string, made bool, fresh, was uint32) {
	const others = 0o022
	switch {
	case made:
		a.chmod(ctx, path, fresh)
	case was&others != 0:
		a.chmod(ctx, path, was&^others)
	}
}

// chmod is refused where somebody else owns the file; then the log-in will tell.
func (a *authorized) chmod(ctx context.Context, path string, mode uint32) {
	if err := a.home.SetAttributes(ctx, path, dest.Attributes{Permissions: &mode}); err != nil {
		a.log.Debug("permissions", "path", path, "error", err)
	}
}

// take removes the lines about the key and reports whether there were any.
func (a *authorized) take(ctx context.Context) (bool, error) {
	content, info, err := a.read(ctx)
	if err != nil {
		return false, err
	}
	kept, found := without(content, a.key)
	if !found {
		return false, nil
	}
	if bytes.Equal(bytes.TrimSpace(kept), bytes.TrimSpace(a.before)) && a.before != nil {
		kept = a.before
	}
	if len(kept) == 0 && a.madeFile {
		return true, a.home.Remove(ctx, authorizedKeys)
	}
	return true, a.replace(ctx, kept, info)
}

// without drops the lines about key, and an empty line before each, which came with it.
func without(content []byte, key ssh.PublicKey) (kept []byte, found bool) {
	lines := bytes.SplitAfter(content, []byte("\n"))
	var out [][]byte
	for _, line := range lines {
		if !sameKey(line, key) {
			out = append(out, line)
			continue
		}
		found = true
		if last := len(out) - 1; last >= 0 && string(out[last]) == "\n" {
			out = out[:last]
		}
	}
	return bytes.Join(out, nil), found
}

// sweep removes what was left by a kill.
func (a *authorized) sweep(ctx context.Context) {
	list, err := a.home.List(ctx, sshDir)
	for _, info := range list {
		name := sshDir + "/" + info.Name
		if strings.HasPrefix(name, tempKeys) && time.Since(time.Unix(info.MTime, 0)) > staleAfter {
			err = errors.Join(err, a.home.Remove(ctx, name))
		}
	}
	if err != nil {
		a.log.Debug("left over", "directory", sshDir, "error", err)
	}
}

// replace writes the file anew beside itself and renames it; where the server cannot, in place.
func (a *authorized) replace(ctx context.Context, content []byte, was dest.Info) error {
	temp := tempKeys + rand.Text()[:8]
	err := a.write(ctx, temp, content, dest.Create{Permissions: was.Mode & 0o777})
	if err == nil {
		a.chmod(ctx, temp, was.Mode&0o7777)
		var now dest.Info
		if now, err = a.home.Stat(ctx, authorizedKeys); err == nil && (now.Size != was.Size || now.MTime != was.MTime) {
			err = fmt.Errorf("%s was changed by somebody else", authorizedKeys)
		} else if err == nil {
			if err = a.home.Rename(ctx, temp, authorizedKeys); err == nil {
				return nil
			}
		}
		err = errors.Join(err, a.home.Remove(ctx, temp))
	}
	if !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	size := int64(len(content))
	if err := a.write(ctx, authorizedKeys, content, dest.Create{Existing: true}); err != nil {
		return err
	}
	return a.home.SetAttributes(ctx, authorizedKeys, dest.Attributes{Size: &size})
}

func (a *authorized) write(ctx context.Context, path string, content []byte, how dest.Create) error {
	o, err := a.home.Create(ctx, path, how)
	if err != nil {
		return err
	}
	_, err = o.WriteAt(ctx, content, 0)
	return errors.Join(err, o.Close(ctx))
}

// undo leaves everything as it was before prepare.
func (a *authorized) undo(ctx context.Context) error {
	_, err := a.take(ctx)
	if err == nil && a.madeFile {
		// It may be there and empty, where the write failed.
		if content, info, readErr := a.read(ctx); readErr == nil && info.Mode != 0 && len(content) == 0 {
			err = a.home.Remove(ctx, authorizedKeys)
		}
	} else if err == nil && a.fileMode != 0 {
		a.chmod(ctx, authorizedKeys, a.fileMode)
	}
	if a.madeDir {
		// Somebody else may have put something there.
		_ = a.home.RemoveDir(ctx, sshDir)
	} else if a.dirMode != 0 {
		a.chmod(ctx, sshDir, a.dirMode)
	}
	return err
}
