package slot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"

	"slotfs/sftpdest"
	"slotfs/sftpdest/sshdtest"
)

// poisoned is a session that dies of each request for a path that has a word in it. Packets are read as their length and the rest.
type poisoned struct {
	io.ReadWriteCloser
	word []byte
	died *atomic.Int64
}

func (p poisoned) Read(b []byte) (int, error) {
	n, err := p.ReadWriteCloser.Read(b)
	const write = 6 // a manifest may have the word
	if bytes.Contains(b[:n], p.word) && b[0] != write {
		p.died.Add(1)
		return 0, errors.Join(io.ErrUnexpectedEOF, p.Close())
	}
	return n, err
}

func TestPoisonousNameLeavesTheOtherFilesAndAccountsTheirBackups(t *testing.T) {
	t.Parallel()
	root := served(t)
	var died atomic.Int64
	serve := func(client io.ReadWriteCloser) error {
		server, err := sftp.NewServer(poisoned{client, []byte("poison"), &died})
		if err != nil {
			return err
		}
		return server.Serve()
	}
	l, err := sshdtest.StartLocal(sshdtest.LocalOptions{Password: "secret", Serve: serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d, err := sftpdest.New(sftpdest.Settings{Host: l.Host, Port: l.Port, Username: "u", Password: "secret", HostKeys: l.HostKeys, Directory: root,
		MaxRetries: 3, MaxConnections: 2}, sftpdest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	a := newAccount(t)
	for i := range 60 {
		a.file(fmt.Sprintf("web/%d", i), "content", i)
	}
	a.file("web/poison.html", "content", 70)
	a.file("poison/x", "content", 71)
	o := options(2)
	o.Lanes = 8
	for run := range 3 {
		died.Store(0)
		sum := a.mustRun(d, o)
		entries, missing := a.stored(d, o, sum.Slot)
		if len(missing) != 3 || entries["web/59"] == nil || died.Load() > 40 {
			t.Errorf("run %d: missing %v, %d sessions died", run, missing, died.Load())
		}
	}
}
