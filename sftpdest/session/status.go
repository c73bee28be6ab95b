package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/wire"
)

// ErrLost says that a request's connection is gone: whether the server heard it is not known.
var ErrLost = errors.New("connection lost")

// StatusError is a server's Refusal.
type StatusError struct {
	code    uint32
	message string
}

// statuses are the codes that say what is wrong. Version 3 ends with 8; servers send those of later versions
// (draft-ietf-secsh-filexfer-13, 9.1) to any client.
var statuses = map[uint32]struct {
	text string
	is   []error
}{

	wire.StatusEOF:            {"end of file", nil},
	wire.StatusNoSuchFile:     {fs.ErrNotExist.Error(), []error{fs.ErrNotExist}},
	wire.StatusPermission:     {fs.ErrPermission.Error(), []error{fs.ErrPermission}},
	wire.StatusUnsupported:    {"the server does not support it", []error{errors.ErrUnsupported}},
	wire.StatusNoSuchPath:     {fs.ErrNotExist.Error(), []error{fs.ErrNotExist}},
	wire.StatusExists:         {fs.ErrExist.Error(), []error{fs.ErrExist}},
	wire.StatusWriteProtected: {"the file system is read-only", []error{fs.ErrPermission, syscall.EROFS}},
	wire.StatusNoSpace:        {"no space left on the server", []error{syscall.ENOSPC}},
	wire.StatusQuota:          {"the quota on the server is used up", []error{syscall.EDQUOT}},
	wire.StatusNotEmpty:       {"directory not empty", []error{syscall.ENOTEMPTY}},
	wire.StatusNotDirectory:   {"not a directory", []error{syscall.ENOTDIR, fs.ErrNotExist}},
	wire.StatusInvalidName:    {"the server takes no such name", []error{fs.ErrInvalid}},
	wire.StatusIsDirectory:    {"is a directory", []error{syscall.EISDIR}},
}

func (e *StatusError) Error() string {
	if known, ok := statuses[e.code]; ok {
		return known.text
	}
	if e.message == "" {
		return fmt.Sprintf("the server answers with status %d", e.code)
	}
	return "the server says " + foreign.Show(e.message)
}

func (e *StatusError) Is(target error) bool { return slices.Contains(statuses[e.code].is, target) }

// statusOf makes an error of a Status reply; nil for OK.
func statusOf(reply wire.Reply) error {
	code, words, err := wire.StatusOf(reply.Body)
	if err != nil {
		return err
	}
	if code == wire.StatusOK {
		return nil
	}
	return &StatusError{code: code, message: string(words)}
}

// Unexpected is what a reply of another type than the wanted one means: the server's Refusal, or nonsense.
func Unexpected(reply wire.Reply) error {
	if reply.Type == wire.Status {
		if err := statusOf(reply); err != nil {
			return err
		}
	}
	return fmt.Errorf("reply of type %d: %w", reply.Type, wire.ErrMalformed)
}

// Refusal is the server's status in err, if it has one.
func Refusal(err error) (code uint32, ok bool) {
	var status *StatusError
	if errors.As(err, &status) {
		return status.code, true
	}
	return 0, false
}

// Unspecific reports whether err is a Refusal that does not say why: FAILURE, or a code that nobody knows.
func Unspecific(err error) bool {
	code, ok := Refusal(err)
	_, known := statuses[code]
	return ok && !known && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist)
}

// DoStatus sends a request that is answered by a status alone.
func (s *Session) DoStatus(ctx context.Context, build func(b []byte, id uint32) []byte) error {
	reply, err := s.Wait(ctx, s.Send(SmallCost, build), nil)
	if err != nil {
		return err
	}
	return CheckStatus(reply)
}

// CheckStatus is nil for the status OK.
func CheckStatus(reply wire.Reply) error {
	if reply.Type != wire.Status {
		return Unexpected(reply)
	}
	return statusOf(reply)
}

// Statuses waits for requests that are answered by a status. It returns the error of the first one that has one.
func (s *Session) Statuses(ctx context.Context, flight []*Request) error {
	var first error
	// Servers that answer in order, which are most, let the first wait be the only one.
	for i := len(flight) - 1; i >= 0; i-- {
		if ctx.Err() != nil {
			s.Leave(flight[i], nil)
			continue
		}
		reply, err := s.Wait(ctx, flight[i], nil)
		if err == nil {
			err = CheckStatus(reply)
		}
		if err != nil {
			first = err
		}
	}
	if first == nil && len(flight) > 0 {
		first = ctx.Err()
	}
	return first
}

// IsEOF reports whether err is the status that ends a file or a directory.
func IsEOF(err error) bool {
	code, ok := Refusal(err)
	return ok && code == wire.StatusEOF
}
