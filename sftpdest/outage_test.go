package sftpdest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"slotfs/indexer/dest"
)

func TestOutageAtTheStartIsWaitedForWhereTheDestinationIsKnown(t *testing.T) {
	t.Parallel()
	for known, least := range map[bool]time.Duration{false: 10 * time.Second, true: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			o := Options{Known: known, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }}
			d, err := New(Settings{Host: "h", Username: "u", Password: "p", MaxRetries: DefaultMaxRetries}, o)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			began := time.Now()
			err = d.Connect(t.Context())
			if took := time.Since(began); !errors.Is(err, dest.ErrUnreachable) || took < least || took > 3*least {
				t.Errorf("known %v: %v after %v", known, err, took)
			}
		})
	}
}

func TestReadGoesOnAfterASilentNetwork(t *testing.T) {
	t.Parallel()
	s, _, link, content := remoteFile(t, 4<<20, 0)
	s.ConnectionTimeout = 300 * time.Millisecond
	s.MaxRetries = 0
	d := newDest(t, s, Options{KeepAlive: 20 * time.Millisecond, Idle: 100 * time.Millisecond, Backoff: 5 * time.Millisecond})
	f := openFile(t, d)
	link.Stall()
	time.AfterFunc(600*time.Millisecond, link.Resume)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			p := make([]byte, len(content))
			if _, err := f.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, content) {
				t.Errorf("ReadAt: %v", err)
			}
		}()
	}
	wg.Wait()
}

func TestDeadDestinationAnswersThousandsAndThenWorksAgain(t *testing.T) {
	t.Parallel()
	s, server, _, _ := remoteFile(t, 1000, 0)
	s.MaxRetries = 1
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	if err := d.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	var wg sync.WaitGroup
	for range 3000 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := d.List(t.Context(), ""); !errors.Is(err, dest.ErrUnreachable) {
				t.Errorf("List: %v", err)
			}
		}()
	}
	wg.Wait()
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := d.Connect(context.Background()); err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond) // the attempt that is due
	}
	t.Error("it does not work again")
}
