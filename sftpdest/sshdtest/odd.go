package sshdtest

import (
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Oddities are what servers do that the protocol does not ask for, each seen in the field. The zero value does nothing.
type Oddities struct {
	Exists  uint32   // status of MKDIR and of an exclusive OPEN for a name that is taken
	Missing uint32   // status instead of NO_SUCH_FILE
	Without []string // extensions that are not offered
	Refused []string // extensions that are offered and refused
	// SizeIgnored says OK to a size and does not set it; SizeRefused is the status that it is answered with.
	SizeIgnored bool
	SizeRefused uint32
	// ModeRefused is the status of OPEN, MKDIR and SETSTAT with permissions.
	ModeRefused uint32
	Handles     int           // open at once in a session, which limits@openssh.com tells
	Banner      string        // comes before the protocol
	WrongIDs    bool          // replies have ids that were not asked with
	Twice       bool          // each reply comes twice
	DieAfter    int           // requests, each session
	Drip        time.Duration // between two bytes of a reply
	Silent      bool          // nothing but the first packet is answered
	// Losses is how many requests end their session instead of being answered; nil: none. What begins a session, and CLOSE, does not.
	Losses *atomic.Int64
}

// Odd is an SFTP server for LocalOptions.Serve: OpenSSH's, which starts in root, with something between.
func Odd(root string, o Oddities) func(io.ReadWriteCloser) error {
	return func(client io.ReadWriteCloser) error {
		cmd := exec.Command(sftpServer(), "-d", root)
		requests, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		replies, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		s := &odd{Oddities: o, client: client, asked: make(map[uint32]*asked)}
		var wg sync.WaitGroup
		wg.Go(func() {
			defer client.Close()
			_ = s.answer(replies)
		})
		err = s.ask(requests)
		requests.Close()
		_ = cmd.Process.Kill()
		wg.Wait()
		_ = cmd.Wait()
		return err
	}
}

// sftpServer is where distributions have it.
func sftpServer() string {
	for _, path := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return "sftp-server"
}

// Packet types and status codes that the oddities are about.
const (
	typeVersion, typeOpen, typeClose, typeSetStat, typeFSetStat, typeOpenDir, typeMkDir = 2, 3, 4, 9, 10, 11, 14
	typeStatus, typeHandle, typeExtended, typeExtReply                                  = 101, 102, 200, 201
	statusOK, statusMissing, statusFailure, statusUnsupported                           = 0, 2, 4, 8
	flagSize, flagMode, openExclusive                                                   = 1, 4, 32
)

// odd is one session.
type odd struct {
	Oddities
	client io.ReadWriteCloser

	mu    sync.Mutex // guards what follows, and writing to client
	asked map[uint32]*asked
	count int
	open  int
}

// asked is a request that was handed on.
type asked struct {
	typ    byte
	limits bool
	made   bool // MKDIR or an exclusive OPEN
}

// ask hands requests on, as the oddities have it.
func (s *odd) ask(to io.Writer) error {
	if s.Banner != "" {
		if _, err := io.WriteString(s.client, s.Banner); err != nil {
			return err
		}
	}
	for {
		p, err := packet(s.client)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.count++
		done := s.DieAfter > 0 && s.count > s.DieAfter || s.lost(p)
		forward := !done && !(s.Silent && s.count > 1)
		if forward {
			p, err = s.take(p)
		}
		s.mu.Unlock()
		if done || err != nil {
			return err
		}
		if p != nil && forward {
			if _, err := to.Write(p); err != nil {
				return err
			}
		}
	}
}

// lost reports whether a request ends the session.
func (s *odd) lost(p []byte) bool {
	if s.Losses == nil || s.count <= 2 || p[4] == typeClose {
		return false
	}
	return s.Losses.Add(-1) >= 0
}

// take returns what is handed on of a request; nil: it was answered. It needs s.mu.
func (s *odd) take(p []byte) ([]byte, error) {
	if p[4] < typeOpen { // INIT
		return p, nil
	}
	id, b := binary.BigEndian.Uint32(p[5:]), body{rest: p[9:]}
	a := &asked{typ: p[4]}
	status := uint32(statusOK)
	switch p[4] {
	case typeOpen:
		b.text()
		flags := b.number()
		a.made = flags&openExclusive != 0
		status = s.mode(b.number())
	case typeMkDir:
		b.text()
		a.made = true
		status = s.mode(b.number())
	case typeSetStat, typeFSetStat:
		b.text()
		at := len(p) - len(b.rest)
		flags := b.number()
		status = s.mode(flags)
		if flags&flagSize != 0 && status == statusOK {
			status = s.SizeRefused
			if s.SizeIgnored {
				p = slices.Delete(p, at+4, at+12)
				binary.BigEndian.PutUint32(p[at:], flags&^flagSize)
				binary.BigEndian.PutUint32(p, uint32(len(p)-4))
			}
		}
	case typeExtended:
		name := b.text()
		a.limits = name == "limits@openssh.com"
		if slices.Contains(s.Without, name) || slices.Contains(s.Refused, name) {
			status = statusUnsupported
		}
	}
	if status == statusOK && s.Handles > 0 && (a.typ == typeOpen || a.typ == typeOpenDir) {
		status = statusFailure
		if s.open < s.Handles {
			status = statusOK
			s.open++
		}
	}
	if a.typ == typeClose {
		s.open--
	}
	if status != statusOK {
		return nil, s.send(answer(id, status))
	}
	s.asked[id] = a
	return p, nil
}

// mode is the status of a request with attributes of these flags.
func (s *odd) mode(flags uint32) uint32 {
	if flags&flagMode != 0 {
		return s.ModeRefused
	}
	return statusOK
}

// answer hands replies on, as the oddities have it.
func (s *odd) answer(from io.Reader) error {
	for {
		p, err := packet(from)
		if err != nil {
			return err
		}
		s.mu.Lock()
		err = s.send(s.change(p))
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// change needs s.mu.
func (s *odd) change(p []byte) []byte {
	if p[4] == typeVersion {
		return s.version(p)
	}
	id := binary.BigEndian.Uint32(p[5:])
	a := s.asked[id]
	delete(s.asked, id)
	if a == nil {
		return p
	}
	if (a.typ == typeOpen || a.typ == typeOpenDir) && p[4] != typeHandle {
		s.open--
	}
	if p[4] == typeExtReply && a.limits && s.Handles > 0 {
		binary.BigEndian.PutUint64(p[9+24:], uint64(s.Handles))
	}
	if p[4] != typeStatus {
		return p
	}
	switch code := binary.BigEndian.Uint32(p[9:]); {
	case code == statusMissing && s.Missing != 0:
		return answer(id, s.Missing)
	case code == statusFailure && a.made && s.Exists != 0:
		return answer(id, s.Exists)
	}
	return p
}

// version leaves extensions out.
func (s *odd) version(p []byte) []byte {
	out, b := slices.Clone(p[:9]), body{rest: p[9:]}
	for len(b.rest) > 0 {
		if name, value := b.text(), b.text(); !slices.Contains(s.Without, name) {
			out = appendText(appendText(out, name), value)
		}
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

// send needs s.mu.
func (s *odd) send(p []byte) error {
	if p[4] != typeVersion {
		if s.WrongIDs {
			p[5] ^= 0x55
		}
		if s.Twice {
			p = append(p, p...)
		}
	}
	if s.Drip == 0 || p[4] == typeVersion {
		_, err := s.client.Write(p)
		return err
	}
	for i := range p {
		time.Sleep(s.Drip)
		if _, err := s.client.Write(p[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// answer makes a status reply.
func answer(id, status uint32) []byte {
	p := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0, typeStatus}, id)
	p = appendText(appendText(binary.BigEndian.AppendUint32(p, status), "Failure"), "en")
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

func appendText(p []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(p, uint32(len(text))), text...)
}

// body takes values off the front of a packet; what is missing is empty.
type body struct{ rest []byte }

func (b *body) number() uint32 {
	if len(b.rest) < 4 {
		b.rest = nil
		return 0
	}
	n := binary.BigEndian.Uint32(b.rest)
	b.rest = b.rest[4:]
	return n
}

func (b *body) text() string {
	n := min(int(b.number()), len(b.rest))
	text := string(b.rest[:n])
	b.rest = b.rest[n:]
	return text
}
