package session

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"slotfs/indexer/contain"
)

// Open starts one more session on a connection.
func Open(ctx context.Context, c ssh.Conn, config Config) (*Session, error) {
	type opened struct {
		s   *Session
		err error
	}
	done := make(chan opened, 1)
	go func() {
		var s *Session
		err := contain.Do(func() error {
			channel, err := openChannel(c)
			if err == nil {
				s, err = New(ctx, channel, config)
				if err != nil && ctx.Err() == nil {
					err = channel.explain(err)
				}
			}
			return err
		})
		done <- opened{s, err}
	}()
	select {
	case got := <-done:
		return got.s, got.err
	case <-ctx.Done():
		// package ssh cannot give up an open in flight: whatever comes of it is closed.
		go func() {
			if got := <-done; got.s != nil {
				got.s.Fail(ctx.Err())
			}
		}()
		return nil, TimeoutCause(ctx)
	}
}

// openChannel starts the server of a session.
func openChannel(c ssh.Conn) (*channel, error) {
	opened, requests, err := c.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	made := newChannel(opened, requests)
	ok, err := opened.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err == nil && !ok {
		err = ErrNoSubsystem
	}
	if err != nil {
		opened.Close()
		return nil, fmt.Errorf("start sftp: %w", err)
	}
	return made, nil
}

// ErrNoSubsystem says that the server has no SFTP for this user.
var ErrNoSubsystem = errors.New("the server refuses the sftp subsystem")

// ErrNoReply says that there is a connection to a server that says nothing.
var ErrNoReply = errors.New("the server says nothing")

// TimeoutCause is the error of who waited for a server that is there until ctx ended.
func TimeoutCause(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrNoReply, cause)
	}
	return cause
}
