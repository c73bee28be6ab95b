package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
)

// connectionsOfUser is how many connections one user of this machine may have at once: a page asks for six things at a time.
const connectionsOfUser = 16

// Listen takes the Unix socket at path, to which every user of this machine may connect. Its directory is made where it is not there,
// and must be one that nobody else can exchange the socket in.
func (l *Local) Listen(path string) error {
	err := l.listenAt(path)
	if err != nil {
		return exit.Hinted(fmt.Errorf("panel socket: %w", err), "choose another place with socket in [panel], in a directory of root's such as /run/slotfs")
	}
	return nil
}

func (l *Local) listenAt(path string) error {
	dir := filepath.Dir(path)
	if err := makeOpen(dir); err != nil {
		return err
	}
	if err := config.Unwritable(dir); err != nil {
		return err
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return fmt.Errorf("%s: another process answers there", path)
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s: it is no socket", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		listener.Close()
		return err
	}
	l.listener = &peerListener{Listener: listener, crowd: login.Crowd[uint32]{Most: l.Limits.Connections, Each: connectionsOfUser}}
	l.http.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if peer, ok := c.(*peerConn); ok {
			ctx = context.WithValue(ctx, peerKey{}, peer.uid)
		}
		return ctx
	}
	return nil
}

// makeOpen makes a directory where there is none. Everybody may look into it, whatever the umask is.
func makeOpen(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// peerKey is that of the peer's uid in the context of a request.
type peerKey struct{}

// PeerUID is the user who connected to send a request, as the kernel says.
func PeerUID(r *http.Request) (uint32, bool) {
	uid, ok := r.Context().Value(peerKey{}).(uint32)
	return uid, ok
}

// peerListener has no more connections than its crowd may be.
type peerListener struct {
	net.Listener
	crowd login.Crowd[uint32] // by uid
}

// Accept implements net.Listener. What is beyond the bounds is closed at once.
func (l *peerListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid, err := SocketPeer(conn)
		if err == nil && l.crowd.Enter(uid) {
			return &peerConn{Conn: conn, uid: uid, leave: sync.OnceFunc(func() { l.crowd.Leave(uid) })}, nil
		}
		conn.Close()
	}
}

// peerConn is a connection of a user of this machine.
type peerConn struct {
	net.Conn
	uid   uint32
	leave func()
}

// Close implements net.Conn.
func (c *peerConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// CloseWrite is what net/http ends a connection with whose request it does not read to the end, so that the answer arrives.
func (c *peerConn) CloseWrite() error {
	if u, ok := c.Conn.(*net.UnixConn); ok {
		return u.CloseWrite()
	}
	return nil
}

// SocketPeer is the user at the other end of a Unix socket, as the kernel says (SO_PEERCRED in unix(7)): who connected, or who listens.
func SocketPeer(conn net.Conn) (uint32, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.New("not a socket")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var credentials *unix.Ucred
	var credentialsErr error
	err = raw.Control(func(fd uintptr) {
		credentials, credentialsErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, credentialsErr); err != nil {
		return 0, err
	}
	return credentials.Uid, nil
}
