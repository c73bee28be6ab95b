package sftpdest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"slotfs/indexer/contain"
	"slotfs/sftpdest/wire"
)

const (
	// plainRead is the READ that every server answers in full; mostRead is what OpenSSH answers, less the header.
	plainRead = 32 << 10
	mostRead  = 255 << 10
	// plainWrite and mostWrite are the same for WRITE: a packet of 256 KiB with its header ends an OpenSSH session.
	plainWrite = 32 << 10
	mostWrite  = 255 << 10
	// readHead is how many bytes the answer to a READ has besides the content.
	readHead = 4
	// largeReply is the size from which replies are read into recycled buffers.
	largeReply = 16 << 10
)

// session is one SFTP session: requests with ids, sent without waiting for each other, and replies by id.
type session struct {
	rw   io.ReadWriteCloser
	conn *conn         // nil where a test has no connection
	lost chan struct{} // closed when the session is over
	wake chan struct{}
	load atomic.Int64 // bytes that the server owes, about
	pace pace
	trip time.Duration // of a request when nothing else was asked for; does not change once the session answers
	read atomic.Int64  // bytes to ask for with one READ
	// extensions and written do not change once the session answers.
	extensions map[string]string
	written    int       // bytes to send with one WRITE
	handles    uint64    // open at a time, as the server says; 0: it does not
	names      *nameRoom // of all listings of the destination, where there is a pool
	bufs       sync.Pool
	// doubted keeps the session from being chosen; doubt makes it so until it answers, where there is a pool.
	doubted atomic.Bool
	doubt   func()
	limit   time.Duration       // that the answer to a simple question may take; 0: any
	proven  func()              // called once, when the session has brought something
	small   *semaphore.Weighted // bytes of new files that were sent and not answered
	opened  atomic.Int32        // handles, counted by the pool
	asking  atomic.Int32        // handles that the pool opens to learn whether there is room
	room    atomic.Int32        // handles that may be open, as far as known; 0: any number

	mu      sync.Mutex // guards what follows
	heard   time.Time  // the last reply, or the first request after all were answered
	out     []byte     // requests to be written
	pending map[uint32]*request
	newest  uint32 // request id
	replies int
	owed    bool // requests were not answered when it ended
	err     error

	received atomic.Int64 // bytes
	mark     int64        // bytes that were received when it was heard last; guarded by mu
}

// request is one that was sent.
type request struct {
	id    uint32
	cost  int64
	read  bool // a READ
	quick bool // it changes nothing: the server has no reason to take long
	sent  time.Time
	ahead int64 // bytes that the server owed before it
	reply chan result
	// leave is set when nobody waits any more; it gets a reply that came too late.
	leave func(wire.Reply)
	left  bool
}

type result struct {
	wire.Reply
	err error
}

// newSession speaks SFTP over rw, which it owns from then on, also if it fails. The first exchange takes two round
// trips, one if the server has no limits extension.
func newSession(ctx context.Context, rw io.ReadWriteCloser) (*session, error) {
	s := &session{
		rw: rw, lost: make(chan struct{}), wake: make(chan struct{}, 1),
		pending: make(map[uint32]*request), written: plainWrite,
	}
	s.read.Store(plainRead)
	stop := context.AfterFunc(ctx, func() { rw.Close() })
	asked := time.Now()
	extensions, in, err := s.hello()
	s.trip = time.Since(asked)
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		rw.Close()
		return nil, err
	}
	s.extensions = extensions
	go s.write()
	go s.receive(in)
	if _, ok := extensions[wire.LimitsExtension]; ok {
		s.askLimits(ctx)
		if ctx.Err() != nil {
			s.fail(ctx.Err())
			return nil, mute(ctx)
		}
		if err := s.lostBy(); err != nil {
			return nil, err
		}
	}
	s.replies = 0 // nobody waits yet
	s.small = semaphore.NewWeighted(backlog(s.trip))
	return s, nil
}

// backlog is how many bytes of new files wait in a session at most at that round trip, in bytes: half a MiB, and as much as keeps a
// server busy that is far. OpenSSH's server (seen with 9.2) reads whatever comes before it works on it, in parts, and has a larger
// buffer made, filled and wiped for each of them: twice the backlog costs it four times as much.
func backlog(trip time.Duration) int64 { return max(512<<10, int64(trip.Seconds()*(25<<20))) }

func (s *session) hello() (map[string]string, *bufio.Reader, error) {
	if _, err := s.rw.Write(wire.AppendInit(nil)); err != nil {
		return nil, nil, err
	}
	first := &said{}
	in := bufio.NewReaderSize(io.TeeReader(&counted{s.rw, &s.received}, first), 32<<10)
	reply, err := wire.ReadReply(in, s.buffer)
	if err == nil && (reply.Type != wire.Version || reply.ID < 3) {
		err = fmt.Errorf("first packet has type %d, version %d: %w", reply.Type, reply.ID, wire.ErrMalformed)
	}
	if err != nil {
		return nil, nil, &NoSFTPError{Said: first.words(), Status: -1, Err: err}
	}
	extensions, err := wire.ExtensionsOf(reply.Body)
	return extensions, in, err
}

// askLimits learns how much one READ or WRITE may carry. A server that will not say keeps the smallest.
func (s *session) askLimits(ctx context.Context) {
	asked := time.Now()
	reply, err := s.ask(ctx, wire.Extended, wire.LimitsExtension)
	s.trip = time.Since(asked)
	if err != nil || reply.Type != wire.ExtReply {
		return
	}
	limits, err := wire.LimitsOf(reply.Body)
	if err != nil {
		return
	}
	s.handles = limits.Handles
	if limits.Read >= plainRead {
		s.read.Store(int64(min(limits.Read, mostRead)))
	}
	if limits.Write >= plainWrite {
		s.written = int(min(limits.Write, mostWrite))
	}
}

// send queues the request that build appends, and does not wait. cost is about how many bytes the server will
// answer with. The result is always answered, by the server or by the end of the session.
func (s *session) send(cost int64, build func(b []byte, id uint32) []byte) *request {
	return s.queue(&request{cost: cost, reply: make(chan result, 1)}, build)
}

// sendRead sends a READ of n bytes at off.
func (s *session) sendRead(handle string, off int64, n int) *request {
	r := &request{cost: int64(n), read: true, reply: make(chan result, 1)}
	return s.queue(r, func(b []byte, id uint32) []byte { return wire.AppendRead(b, id, handle, off, n) })
}

func (s *session) queue(r *request, build func(b []byte, id uint32) []byte) *request {
	s.mu.Lock()
	if s.err != nil {
		err := s.err
		s.mu.Unlock()
		r.reply <- result{err: err}
		return r
	}
	s.newest++
	for s.pending[s.newest] != nil {
		s.newest++
	}
	if len(s.pending) == 0 {
		s.heard, s.mark = time.Now(), s.received.Load()
		s.pace.begin(s.heard)
	}
	r.id, r.sent, r.ahead = s.newest, time.Now(), s.load.Load()
	s.pending[r.id] = r
	began := len(s.out)
	s.out = build(s.out, r.id)
	r.quick = wire.Asks(s.out[began:])
	s.mu.Unlock()
	s.load.Add(r.cost)
	if r.read {
		s.pace.owed.Add(r.cost)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return r
}

// sendString sends a request whose body is one string.
func (s *session) sendString(typ byte, body string) *request {
	return s.send(smallCost, func(b []byte, id uint32) []byte { return wire.AppendString(b, typ, id, body) })
}

// smallCost is what a request costs that is answered in a few bytes; the server's work on it counts as well.
const smallCost = 4 << 10

// ask sends a request whose body is one string and waits for its reply.
func (s *session) ask(ctx context.Context, typ byte, body string) (wire.Reply, error) {
	return s.wait(ctx, s.sendString(typ, body), nil)
}

// wait returns the reply to r. If ctx ends first, late gets the reply that comes after that (nil: it is dropped).
func (s *session) wait(ctx context.Context, r *request, late func(wire.Reply)) (wire.Reply, error) {
	select {
	case got := <-r.reply:
		return got.Reply, got.err
	default:
	}
	select {
	case got := <-r.reply:
		return got.Reply, got.err
	case <-ctx.Done():
		s.leave(r, late)
		return wire.Reply{}, ctx.Err()
	}
}

// leave gives up waiting for r.
func (s *session) leave(r *request, late func(wire.Reply)) {
	s.mu.Lock()
	if s.pending[r.id] == r {
		r.left, r.leave = true, late
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	got := <-r.reply
	if got.err == nil && late != nil {
		late(got.Reply)
	}
}

// closeLate closes the handle of an open that was given up.
func (s *session) closeLate(reply wire.Reply) {
	if reply.Type != wire.Handle {
		return
	}
	if handle, err := wire.HandleOf(reply.Body); err == nil {
		s.close(handle)
	}
}

// close gives a handle back without waiting.
func (s *session) close(handle string) {
	s.leave(s.sendString(wire.Close, handle), nil)
}

// write sends what is queued until the session ends.
func (s *session) write() {
	var b []byte
	for {
		select {
		case <-s.wake:
		case <-s.lost:
			return
		}
		runtime.Gosched() // who is about to send travels in the same packet
		s.mu.Lock()
		b, s.out = s.out, b[:0]
		s.mu.Unlock()
		if len(b) == 0 {
			continue
		}
		if _, err := s.rw.Write(b); err != nil {
			s.fail(err)
			return
		}
	}
}

// receive hands replies out until the session ends.
func (s *session) receive(in *bufio.Reader) {
	for {
		reply, err := wire.ReadReply(in, s.buffer)
		if err == nil {
			err = contain.Do(func() error { return s.deliver(reply) })
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *session) deliver(reply wire.Reply) error {
	s.mu.Lock()
	r := s.pending[reply.ID]
	if r == nil {
		s.mu.Unlock()
		return fmt.Errorf("reply to request %d, which was not sent: %w", reply.ID, wire.ErrMalformed)
	}
	if r.read && reply.Type == wire.Data && int64(len(reply.Body)) > r.cost+readHead {
		s.mu.Unlock()
		return fmt.Errorf("%d bytes for a read of %d: %w", len(reply.Body), r.cost, wire.ErrMalformed)
	}
	delete(s.pending, reply.ID)
	s.heard, s.mark = time.Now(), s.received.Load()
	s.pace.note(len(reply.Body), s.heard)
	left := r.left
	s.replies++
	proven := s.replies == useful && s.proven != nil
	s.mu.Unlock()
	if proven {
		s.proven()
	}
	s.load.Add(-r.cost)
	if r.read {
		s.pace.owed.Add(-r.cost)
	}
	if !left {
		r.reply <- result{Reply: reply}
		return nil
	}
	if r.leave != nil {
		r.leave(reply)
	}
	s.recycle(reply)
	return nil
}

// fail ends the session: everybody who waits gets errLost.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = fmt.Errorf("%w: %w", errLost, unended(err))
	pending := s.pending
	s.owed = len(pending) > 0
	s.pending, s.out = nil, nil
	err = s.err
	close(s.lost)
	s.mu.Unlock()
	for _, r := range pending {
		r.reply <- result{err: err}
	}
	// A Close may wait for the network; nobody waits for it.
	go s.rw.Close()
}

// lostBy tells why the session ended; nil while it goes on.
func (s *session) lostBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// alive reports whether requests can be sent.
func (s *session) alive() bool {
	select {
	case <-s.lost:
		return false
	default:
		return true
	}
}

// buffer makes room for a reply of n bytes.
func (s *session) buffer(n int) []byte {
	if n < largeReply {
		return make([]byte, n)
	}
	if b, ok := s.bufs.Get().(*[]byte); ok && cap(*b) >= n {
		return (*b)[:n]
	}
	return make([]byte, n, max(n, plainRead+64))
}

// recycle takes the buffer of a reply back that nobody looks at any more.
func (s *session) recycle(reply wire.Reply) {
	if cap(reply.Body) < largeReply {
		return
	}
	b := reply.Body[:0]
	s.bufs.Put(&b)
}
