package sshdtest

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/pkg/sftp"
)

// FewHandles is an SFTP server for LocalOptions.Serve that lets n files or directories be open in a session, and answers
// FAILURE to one more, as some providers do.
func FewHandles(n int, root string) func(io.ReadWriteCloser) error {
	return func(client io.ReadWriteCloser) error {
		in, requests := io.Pipe()
		replies, out := io.Pipe()
		server, err := sftp.NewServer(struct {
			io.Reader
			io.WriteCloser
		}{in, out}, sftp.WithServerWorkingDirectory(root))
		if err != nil {
			return err
		}
		f := &few{most: n, client: client, opening: make(map[uint32]bool)}
		var wg sync.WaitGroup
		wg.Add(2)
		go func() {
			defer wg.Done()
			in.CloseWithError(server.Serve())
			out.Close()
		}()
		go func() {
			defer wg.Done()
			_ = f.answer(replies)
			client.Close()
			replies.Close()
		}()
		err = f.ask(requests)
		requests.Close()
		wg.Wait()
		return err
	}
}

// few counts the handles of one session.
type few struct {
	most   int
	client io.ReadWriteCloser

	mu      sync.Mutex // guards what follows, and writing to client
	open    int
	opening map[uint32]bool // ids of requests that open something
}

// ask hands requests on, those to open something as long as there is room.
func (f *few) ask(to io.Writer) error {
	const open, closing, openDir, failure = 3, 4, 11, 4
	for {
		p, err := packet(f.client)
		if err != nil {
			return err
		}
		refused := false
		f.mu.Lock()
		id := binary.BigEndian.Uint32(p[5:])
		switch p[4] {
		case open, openDir:
			refused = f.open >= f.most
			if !refused {
				f.open++
				f.opening[id] = true
			}
		case closing:
			f.open--
		}
		if refused {
			status := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 17, 101}, id)
			status = append(status, 0, 0, 0, failure, 0, 0, 0, 0, 0, 0, 0, 0)
			_, err = f.client.Write(status)
		}
		f.mu.Unlock()
		if !refused {
			_, err = to.Write(p)
		}
		if err != nil {
			return err
		}
	}
}

// answer hands replies on. An open that failed left room.
func (f *few) answer(from io.Reader) error {
	const status = 101
	for {
		p, err := packet(from)
		if err != nil {
			return err
		}
		f.mu.Lock()
		id := binary.BigEndian.Uint32(p[5:])
		if f.opening[id] && p[4] == status {
			f.open--
		}
		delete(f.opening, id)
		_, err = f.client.Write(p)
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

func packet(r io.Reader) ([]byte, error) {
	p := make([]byte, 4, 64)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(p)
	if n < 5 || n > 1<<20 {
		return nil, errors.New("no packet")
	}
	p = append(p, make([]byte, n)...)
	_, err := io.ReadFull(r, p[4:])
	return p, err
}
