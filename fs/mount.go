package fs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"slotfs/fs/view"
)

// fsName is what mount and /proc say that we are: type "fuse.slotfs", and source "slotfs" unless Config has another one.
const fsName = "slotfs"

// maxBackground is how many reads ahead the kernel may have under way: enough to hide the way to the destination.
const maxBackground = 64

// Server is a mounted file system.
type Server struct {
	mountpoint string
	raw        *raw
	server     *fuse.Server
	served     chan struct{} // closed when the last request is answered

	refreshing sync.Mutex // held by Refresh
	unmounting sync.Mutex // held by Unmount
	unmounted  bool       // under unmounting
}

// Mount mounts at mountpoint and serves until Unmount, or until somebody else unmounts it; ctx is for mounting only.
// A dead slotfs mount at the mountpoint is replaced; a live one is ErrAlreadyMounted.
func Mount(ctx context.Context, mountpoint string, c Config) (*Server, error) {
	return serve(ctx, mountpoint, newRaw(ctx, c))
}

// serve mounts r at mountpoint.
func serve(ctx context.Context, mountpoint string, r *raw) (*Server, error) {
	mountpoint, err := resolve(mountpoint)
	if err == nil {
		err = prepare(ctx, mountpoint)
	}
	if err == nil {
		_, err = r.load(ctx)
	}
	if err != nil {
		r.stop()
		return nil, fmt.Errorf("mount %s: %w", mountpoint, err)
	}
	server, err := fuse.NewServer(r, mountpoint, r.options())
	closeOnExec()
	if err != nil {
		r.stop()
		takeBack(mountpoint)
		return nil, fmt.Errorf("mount %s: %w", mountpoint, withHint(err))
	}
	m := &Server{mountpoint: mountpoint, raw: r, server: server, served: make(chan struct{})}
	go func() {
		defer close(m.served)
		server.Serve()
	}()
	if err := server.WaitMount(); err != nil {
		return nil, errors.Join(fmt.Errorf("mount %s: %w", mountpoint, err), m.Unmount())
	}
	if err := readAhead(mountpoint, r.c.ReadAhead); err != nil {
		r.c.Log.Debug("read ahead", "error", err)
	}
	r.c.Log.Info("mounted", "mountpoint", mountpoint)
	return m, nil
}

// closeOnExec keeps the connection to the kernel from programs that this one starts: it would outlive this
// process with them, and whoever waits for an answer would wait for ever. The protocol library opens it without.
func closeOnExec() {
	descriptors, _ := os.ReadDir("/proc/self/fd")
	for _, d := range descriptors {
		fd, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		if to, err := os.Readlink("/proc/self/fd/" + d.Name()); err == nil && to == "/dev/fuse" {
			unix.CloseOnExec(fd)
		}
	}
}

// takeBack takes away a mount that the kernel made and whose first request failed.
func takeBack(mountpoint string) {
	if all := mounts(mountpoint); len(all) > 0 && ours(all[len(all)-1]) {
		_ = unix.Unmount(mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
}

// options are those of the kernel and of the protocol library.
func (r *raw) options() *fuse.MountOptions {
	o := &fuse.MountOptions{
		FsName: r.c.Source, Name: fsName,
		AllowOther:    r.c.AllowOther,
		MaxBackground: maxBackground,
		MaxWrite:      1 << 20,
		// Reads are answered from memory, which splicing makes slower.
		DisableSplice:        true,
		EnableSymlinkCaching: true,
		// Content never changes under one node; otherwise the kernel drops pages when mtimes look odd.
		ExplicitDataCacheControl: true,
		PanicHandler:             r.panicked,
		Logger:                   slog.NewLogLogger(r.c.Log.Handler(), slog.LevelDebug),
		Options:                  append([]string(nil), r.c.Options...),
	}
	if r.c.AllowOther {
		o.Options = append(o.Options, "default_permissions")
	}
	if os.Geteuid() == 0 {
		o.DirectMountStrict = true
		o.DirectMountFlags = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV
		o.Options = kernelOptions(o, o.Options)
		return o
	}
	o.Options = append(o.Options, "ro", "nosuid", "nodev")
	return o
}

// kernelOptions turns the options that mount(2) takes as flags into flags, and returns the others.
func kernelOptions(o *fuse.MountOptions, options []string) []string {
	flags := map[string]uintptr{
		"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME,
		"noexec": unix.MS_NOEXEC, "strictatime": unix.MS_STRICTATIME,
	}
	var rest []string
	for _, option := range options {
		if flag, ok := flags[option]; ok {
			o.DirectMountFlags |= flag
			continue
		}
		rest = append(rest, option)
	}
	return rest
}

// Mountpoint is the absolute path of the mountpoint.
func (m *Server) Mountpoint() string { return m.mountpoint }

// View is what is shown.
func (m *Server) View() *view.View { return m.raw.view }

// Wait returns when the mount is gone and everything that was open is closed.
func (m *Server) Wait() { <-m.served }

// Abandon ends what is read for those who still have something open; whatever they ask for from then on fails.
func (m *Server) Abandon() { m.raw.OnUnmount() }

// Unmount takes the mount away. While it is in use it goes from the tree of files at once, and those who have
// something open are served on until they close it; Wait waits for them.
func (m *Server) Unmount() error {
	m.unmounting.Lock()
	defer m.unmounting.Unlock()
	if m.unmounted {
		return nil
	}
	select {
	case <-m.served:
		m.unmounted = true
		return nil
	default:
	}
	if _, err := detach(m.mountpoint); err != nil {
		return fmt.Errorf("unmount %s: %w", m.mountpoint, err)
	}
	m.unmounted = true
	m.raw.c.Log.Info("unmounted", "mountpoint", m.mountpoint)
	return nil
}

// detach unmounts, lazily if it is busy, and tells whether it is.
func detach(mountpoint string) (busy bool, err error) {
	if os.Geteuid() != 0 {
		if fusermount("-u", mountpoint) == nil {
			return false, nil
		}
		return true, fusermount("-uz", mountpoint)
	}
	err = unix.Unmount(mountpoint, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.ENOTCONN) {
		return true, unix.Unmount(mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	return false, err
}

// fusermount unmounts for those who are not root.
func fusermount(flags, mountpoint string) error {
	out, err := exec.Command("fusermount3", flags, "--", mountpoint).CombinedOutput()
	if err != nil {
		return fmt.Errorf("fusermount3: %w: %s", err, out)
	}
	return nil
}

// readAhead raises how far the kernel reads ahead; it starts with 128 KiB, which makes a reader wait for every
// round trip to the destination.
func readAhead(mountpoint string, kib int) error {
	for _, m := range mounts(mountpoint) {
		if !ours(m) {
			continue
		}
		path := filepath.Join("/sys/class/bdi", fmt.Sprintf("%d:%d", m.Major, m.Minor), "read_ahead_kb")
		if err := os.WriteFile(path, []byte(strconv.Itoa(kib)), 0); err != nil {
			return fmt.Errorf("raise read ahead: %w", err)
		}
	}
	return nil
}
