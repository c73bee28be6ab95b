// Package session speaks SFTP over one channel: requests that are sent without waiting for each other, replies by id, and the operations
// that take several requests in few round trips. It knows no log-in, no second session and no back-off: one that is lost stays so.
package session

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"slotfs/sftpdest/foreign"
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

// Session is one SFTP session: requests with ids, sent without waiting for each other, and replies by id.
type Session struct {
	rw     io.ReadWriteCloser
	config Config
	lost   chan struct{} // closed when the session is over
	wake   chan struct{}

	load       atomic.Int64 // bytes that the server owes, about
	throughput throughput
	readSize   atomic.Int64        // bytes to ask for with one READ
	unanswered *semaphore.Weighted // bytes of new files that were sent and not answered
	buffers    sync.Pool

	// What follows does not change once the session answers.
	extensions  map[string]string
	rtt         time.Duration // of a request when nothing else was asked for
	writeSize   int           // bytes to send with one WRITE
	handleLimit uint64        // handles open at a time, as the server says; 0: it does not

	mu sync.Mutex
	// mu guards what follows.
	heard   time.Time // the last reply, or the first request after all were answered
	out     []byte    // requests to be written
	pending map[uint32]*Request
	newest  uint32 // request id
	replies int
	owed    bool // requests were not answered when it ended
	err     error

	received atomic.Int64 // bytes
	mark     int64        // bytes that were received when it was heard last; guarded by mu
}

// Config is what a session shares with others.
type Config struct {
	// Quick is how long the answer to a simple question may take; 0: any time.
	Quick time.Duration
	// Names are the names that all listings may have together; nil: any number.
	Names *NameBudget
	// OnProgress is called once, when the session has brought something.
	OnProgress func()
}

// Lost is closed when the session is over.
func (s *Session) Lost() <-chan struct{} { return s.lost }

// Load is about how many bytes the server owes.
func (s *Session) Load() int64 { return s.load.Load() }

// RTT is the round trip to the server, measured before anything else was asked for.
func (s *Session) RTT() time.Duration { return s.rtt }

// ReadSize and WriteSize are how many bytes one READ or WRITE carries.
func (s *Session) ReadSize() int64 { return s.readSize.Load() }

// WriteSize is described with ReadSize.
func (s *Session) WriteSize() int { return s.writeSize }

// HandleLimit is how many handles may be open, as the server says; 0: it does not.
func (s *Session) HandleLimit() uint64 { return s.handleLimit }

// Extensions are what the server offers.
func (s *Session) Extensions() map[string]string { return s.extensions }

// New speaks SFTP over rw, which it owns from then on, also if it fails. The first exchange takes two round
// trips, one if the server has no Limits extension.
func New(ctx context.Context, rw io.ReadWriteCloser, config Config) (*Session, error) {
	s := &Session{
		rw: rw, config: config, lost: make(chan struct{}), wake: make(chan struct{}, 1),
		pending: make(map[uint32]*Request), writeSize: plainWrite,
	}
	s.readSize.Store(plainRead)
	stop := context.AfterFunc(ctx, func() { rw.Close() })
	asked := time.Now()
	extensions, in, err := s.hello()
	s.rtt = time.Since(asked)
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
			s.Fail(ctx.Err())
			return nil, TimeoutCause(ctx)
		}
		if err := s.Err(); err != nil {
			return nil, err
		}
	}
	s.replies = 0 // nobody waits yet
	s.unanswered = semaphore.NewWeighted(backlogLimit(s.rtt))
	return s, nil
}

// backlogLimit is how many bytes of new files may be unanswered in a session with that round trip: half a MiB, or as much as keeps a
// distant server busy. OpenSSH's server (9.2) reads all input before it works on it, and reallocates and wipes a growing buffer: twice the
// backlog costs it four times as much.
func backlogLimit(rtt time.Duration) int64 { return max(512<<10, int64(rtt.Seconds()*(25<<20))) }

func (s *Session) hello() (map[string]string, *bufio.Reader, error) {
	if _, err := s.rw.Write(wire.AppendInit(nil)); err != nil {
		return nil, nil, err
	}
	first := &message{}
	in := bufio.NewReaderSize(io.TeeReader(&counted{s.rw, &s.received}, first), 32<<10)
	reply, err := wire.ReadReply(in, s.buffer)
	if err == nil && (reply.Type != wire.Version || reply.ID < 3) {
		err = fmt.Errorf("first packet has type %d, version %d: %w", reply.Type, reply.ID, wire.ErrMalformed)
	}
	if err != nil {
		return nil, nil, &NoSFTPError{Said: first.line(), Status: -1, Err: err}
	}
	extensions, err := wire.ExtensionsOf(reply.Body)
	return extensions, in, err
}

// askLimits learns how much one READ or WRITE may carry. A server that will not say keeps the smallest.
func (s *Session) askLimits(ctx context.Context) {
	asked := time.Now()
	reply, err := s.Ask(ctx, wire.Extended, wire.LimitsExtension)
	s.rtt = time.Since(asked)
	if err != nil || reply.Type != wire.ExtReply {
		return
	}
	Limits, err := wire.LimitsOf(reply.Body)
	if err != nil {
		return
	}
	s.handleLimit = Limits.Handles
	if Limits.Read >= plainRead {
		s.readSize.Store(int64(min(Limits.Read, mostRead)))
	}
	if Limits.Write >= plainWrite {
		s.writeSize = int(min(Limits.Write, mostWrite))
	}
}

func (s *Session) Offers(extension string) bool {
	_, can := s.extensions[extension]
	return can
}

// Fail ends the session: everybody who waits gets ErrLost.
func (s *Session) Fail(err error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = fmt.Errorf("%w: %w", ErrLost, foreign.Unended(err))
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

// Err tells why the session ended; nil while it goes on.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Alive reports whether requests can be sent.
func (s *Session) Alive() bool {
	select {
	case <-s.lost:
		return false
	default:
		return true
	}
}
