package plan

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/spool"
)

// inMemory is how many actions, or entries of a source, are kept in memory. More go into local files.
const inMemory = 50_000

// actions are what has to be done, in manifest order: in memory, or in local files where there are many.
type actions struct {
	some []*Action
	file *actionFile // nil: all are in some
}

func (l *actions) add(a *Action) error {
	if l.file == nil && len(l.some) < inMemory {
		l.some = append(l.some, a)
		return nil
	}
	if l.file == nil {
		if err := l.spill(); err != nil {
			return err
		}
	}
	return l.file.write(a)
}

// spill moves what is in memory into files.
func (l *actions) spill() (err error) {
	if l.file, err = newActionFile(); err != nil {
		return err
	}
	for _, a := range l.some {
		if err := l.file.write(a); err != nil {
			return err
		}
	}
	l.some = nil
	return nil
}

// end is called when all are known.
func (l *actions) end() error {
	if l.file == nil {
		return nil
	}
	return l.file.end()
}

// all yields them, once.
func (l *actions) all(ctx context.Context) iter.Seq2[*Action, error] {
	if l.file != nil {
		return l.file.all(ctx)
	}
	return func(yield func(*Action, error) bool) {
		for i, a := range l.some {
			l.some[i] = nil
			if !yield(a, ctx.Err()) {
				return
			}
		}
	}
}

func (l *actions) close() {
	if l.file != nil {
		l.file.close()
	}
}

// actionFile keeps actions in local files: entries as a journal has them, and behind each other what else there is.
type actionFile struct {
	entries, rest *os.File
	list          *manifest.Writer
	out           *bufio.Writer
	record        []byte
}

func newActionFile() (f *actionFile, err error) {
	f = &actionFile{}
	if f.entries, err = spool.New(); err != nil {
		return nil, err
	}
	if f.rest, err = spool.New(); err != nil {
		f.entries.Close()
		return nil, err
	}
	f.out = bufio.NewWriterSize(f.rest, 256<<10)
	if f.list, err = manifest.NewJournalWriter(f.entries); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// What an action consists of besides its texts.
const (
	hasEntry = 1 << iota // else there is only a path
	hasOld               // its entry follows
	restamps
)

// write adds an action: a record of numbers and texts, and up to two entries. What the slot has is left out where nothing is going to be
// sent in its place.
func (f *actionFile) write(a *Action) error {
	bits := byte(0)
	if a.Do != Remove {
		bits |= hasEntry
	}
	old := a.Old
	if a.Do == Keep || a.Do == Nothing || a.Do == Remove {
		old = nil
	}
	if old != nil {
		bits |= hasOld
	}
	if a.Restamp {
		bits |= restamps
	}
	f.record = append(f.record[:0], byte(a.Do), byte(a.Have), bits)
	path := ""
	if a.Do == Remove {
		path = a.Entry.Path
	}
	for _, text := range []string{path, a.Claim.Hash, a.Claim.Blocks, a.From, a.Where} {
		f.record = append(binary.AppendUvarint(f.record, uint64(len(text))), text...)
	}
	if _, err := f.out.Write(f.record); err != nil {
		return err
	}
	if a.Do != Remove {
		if err := f.list.Write(&a.Entry); err != nil {
			return err
		}
	}
	if old != nil {
		return f.list.Write(old)
	}
	return nil
}

func (f *actionFile) end() error {
	_, err := f.list.Close()
	return errors.Join(err, f.out.Flush())
}

// all reads them.
func (f *actionFile) all(ctx context.Context) iter.Seq2[*Action, error] {
	return func(yield func(*Action, error) bool) {
		entries, err := manifest.NewReader(spool.Reader(f.entries))
		if err != nil {
			yield(nil, err)
			return
		}
		defer entries.Close()
		rest := bufio.NewReaderSize(spool.Reader(f.rest), 256<<10)
		for {
			a, err := readAction(rest, entries)
			if err == io.EOF {
				return
			}
			if err == nil {
				err = ctx.Err()
			}
			if !yield(a, err) || err != nil {
				return
			}
		}
	}
}

// readAction reads what write has written; io.EOF behind the last one.
func readAction(rest *bufio.Reader, entries *manifest.Reader) (*Action, error) {
	var head [3]byte
	if _, err := io.ReadFull(rest, head[:]); err != nil {
		return nil, err
	}
	a := &Action{Do: Do(head[0]), Have: Kind(head[1]), Restamp: head[2]&restamps != 0}
	for _, text := range []*string{&a.Entry.Path, &a.Claim.Hash, &a.Claim.Blocks, &a.From, &a.Where} {
		n, err := binary.ReadUvarint(rest)
		if err != nil {
			return nil, unfinished(err)
		}
		if n == 0 {
			continue
		}
		buf := make([]byte, n)
		if _, err := io.ReadFull(rest, buf); err != nil {
			return nil, unfinished(err)
		}
		*text = string(buf)
	}
	if head[2]&hasEntry != 0 {
		e, err := entries.Next()
		if err != nil {
			return nil, unfinished(err)
		}
		a.Entry = *e
	}
	if head[2]&hasOld != 0 {
		e, err := entries.Next()
		if err != nil {
			return nil, unfinished(err)
		}
		a.Old = e
	}
	return a, nil
}

// unfinished makes an error of the end of a file where it must not be.
func unfinished(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read the plan: %w", err)
}

func (f *actionFile) close() {
	f.entries.Close()
	f.rest.Close()
}
