package sshdtest

import (
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Link is a proxy in front of a server: it delays every byte by half a round trip, counts, and has accidents.
type Link struct {
	Host string
	Port int

	target   string
	half     time.Duration
	listener net.Listener
	up, down atomic.Int64
	dialed   atomic.Int64
	wg       sync.WaitGroup

	mu      sync.Mutex // guards what follows
	pairs   map[*pair]struct{}
	most    int // connections at a time; 0: any number
	rate    int // bytes a second that a connection carries each way; 0: any number
	flowing chan struct{}
	stalled bool
	closed  bool
}

type pair struct {
	client, server net.Conn
	number         int // in which they were made
}

func (p *pair) close() {
	p.client.Close()
	p.server.Close()
}

// reset closes with an RST: what was on its way is lost, and nobody is told in good order.
func (p *pair) reset() {
	for _, c := range []net.Conn{p.client, p.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	p.close()
}

// Proxy puts rtt of distance in front of the server at target.
func Proxy(target string, rtt time.Duration) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at := l.Addr().(*net.TCPAddr)
	k := &Link{
		Host: "127.0.0.1", Port: at.Port, target: target, half: rtt / 2, listener: l,
		pairs: make(map[*pair]struct{}), flowing: make(chan struct{}),
	}
	close(k.flowing)
	k.wg.Add(1)
	go k.accept()
	return k, nil
}

// Address is where the proxy listens.
func (k *Link) Address() string { return net.JoinHostPort(k.Host, strconv.Itoa(k.Port)) }

// Bytes tells how many bytes went to the server and came from it.
func (k *Link) Bytes() (up, down int64) { return k.up.Load(), k.down.Load() }

// Dialed tells how many connections were made.
func (k *Link) Dialed() int { return int(k.dialed.Load()) }

// Open tells how many connections are there.
func (k *Link) Open() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.pairs)
}

// Limit drops connections beyond n at once; 0 takes any number.
func (k *Link) Limit(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.most = n
}

// Throttle lets each connection carry so many bytes a second each way; 0 takes the limit away.
func (k *Link) Throttle(rate int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rate = rate
}

// Cut ends all connections in good order.
func (k *Link) Cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p := range k.pairs {
		p.close()
	}
}

// Reset ends all connections with an RST.
func (k *Link) Reset() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p := range k.pairs {
		p.reset()
	}
}

// ResetNewest ends the connection that was made last, and reports whether there was one: called again and again it
// has connections die in another order than they were made in.
func (k *Link) ResetNewest() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	var newest *pair
	for p := range k.pairs {
		if newest == nil || p.number > newest.number {
			newest = p
		}
	}
	if newest != nil {
		newest.reset()
	}
	return newest != nil
}

// Stall lets no byte pass, and closes nothing, until Resume: what a dead network looks like.
func (k *Link) Stall() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.stalled {
		k.stalled, k.flowing = true, make(chan struct{})
	}
}

// Resume ends a Stall.
func (k *Link) Resume() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stalled {
		k.stalled = false
		close(k.flowing)
	}
}

// Close ends the proxy and its connections.
func (k *Link) Close() error {
	err := k.listener.Close()
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.Resume()
	k.Cut()
	k.wg.Wait()
	return err
}

func (k *Link) accept() {
	defer k.wg.Done()
	for {
		client, err := k.listener.Accept()
		if err != nil {
			return
		}
		number := int(k.dialed.Add(1))
		server, err := net.Dial("tcp", k.target)
		if err != nil {
			client.Close()
			continue
		}
		p := &pair{client, server, number}
		k.mu.Lock()
		if k.closed || k.most > 0 && len(k.pairs) >= k.most {
			k.mu.Unlock()
			p.close()
			continue
		}
		k.pairs[p] = struct{}{}
		k.mu.Unlock()
		k.wg.Add(2)
		go k.pump(p, server, client, &k.up)
		go k.pump(p, client, server, &k.down)
	}
}

// block is what was read at once and when it is due on the other side.
type block struct {
	data []byte
	due  time.Time
}

// mostDue bounds how many blocks are written at once.
const mostDue = 64

// carry writes what comes along the line when it is due. What is due by then travels in one system call, as it would
// through a network card.
func (k *Link) carry(to net.Conn, line <-chan block, count *atomic.Int64) error {
	var lot net.Buffers
	next, more := <-line
	for more {
		time.Sleep(time.Until(next.due))
		k.mu.Lock()
		flowing, rate := k.flowing, k.rate
		k.mu.Unlock()
		<-flowing
		if rate > 0 {
			time.Sleep(time.Duration(len(next.data)) * time.Second / time.Duration(rate))
		}
		lot = append(lot[:0], next.data)
		now, in := time.Now(), false
		for !in && rate == 0 && len(lot) < mostDue && len(line) > 0 {
			next, more = <-line
			if more && !next.due.After(now) {
				lot = append(lot, next.data)
				continue
			}
			in = true
		}
		out := lot
		n, err := out.WriteTo(to)
		if err != nil {
			return err
		}
		count.Add(n)
		if !in {
			next, more = <-line
		}
	}
	return nil
}

// pump copies one direction. The queue between reading and writing is the line: it holds what is on its way.
func (k *Link) pump(p *pair, to, from net.Conn, count *atomic.Int64) {
	defer k.wg.Done()
	line := make(chan block, 4096)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = k.carry(to, line, count) // its end is that of the connection
		p.close()
		for range line {
		}
	}()
	room := make([]byte, 64<<10)
	for {
		n, err := from.Read(room)
		if n > 0 {
			line <- block{append([]byte(nil), room[:n]...), time.Now().Add(k.half)}
		}
		if err != nil {
			break
		}
	}
	close(line)
	<-done
	k.mu.Lock()
	delete(k.pairs, p)
	k.mu.Unlock()
}
