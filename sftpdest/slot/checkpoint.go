package slot

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/slot/verify"
)

// mostEntered is how many bytes of entries, compressed, are held for the next checkpoint.
const mostEntered = 4 << 20

// checkpoint is `meta/checkpoint.gNNNNNN.json`: how an archive can be gone on with that a run did not finish. What it tells of
// is on the server's disk.
type checkpoint struct {
	Temp string `json:"temp"` // the archive, in tmp/
	// Settled says that all that its writer asked for was answered: nothing is written any more. Otherwise requests of a dead
	// run may still come, and only a copy of the archive is out of their reach.
	Settled  bool          `json:"settled,omitempty"`
	Segments []segment     `json:"segments"`
	Stops    []resumePoint `json:"stops"` // where it can be gone on with, the farthest last
}

// segment is a file in meta/ that tells what is in a part of the archive.
type segment struct {
	manifest.File
	List int64 `json:"list"` // bytes of the entries; behind them come the members
	Pass int   `json:"pass"` // entries of one pass over the source are sorted; what a later one has replaces that of an earlier one
}

// resumePoint is a place between two members.
type resumePoint struct {
	Size     int64   `json:"size"`     // bytes of the archive before it, as stored
	Content  int64   `json:"content"`  // and uncompressed
	Sum      []byte  `json:"sum"`      // SHA-256 of the former, as crypto/sha256 encodes its state
	Segments int     `json:"segments"` // that are about what is before it
	Inside   *inside `json:"inside,omitempty"`
}

// inside says that a stop is in the content of a file.
type inside struct {
	Entry []byte `json:"entry"` // of the file, as a journal of one entry
	Sum   []byte `json:"sum"`   // SHA-256 of what is in the archive of it
}

// parseCheckpoint reads a checkpoint. One that leads elsewhere, or is none, is not ok.
func parseCheckpoint(text []byte) (c checkpoint, ok bool) {
	if err := json.Unmarshal(text, &c); err != nil || !isBase(c.Temp) || len(c.Stops) == 0 {
		return c, false
	}
	for _, s := range c.Segments {
		if !isBase(s.Name) || s.List < 0 || s.List > s.Size || s.Size > verify.MaxAbout || s.Pass < 0 || s.Pass > len(c.Segments) {
			return c, false
		}
	}
	for _, s := range c.Stops {
		if s.Size <= 0 || s.Content <= 0 || s.Segments <= 0 || s.Segments > len(c.Segments) {
			return c, false
		}
	}
	return c, true
}

// isBase reports whether a name is one of a file in a known directory.
func isBase(name string) bool {
	return name != "" && !strings.Contains(name, "/") && dest.CheckPath(name) == nil
}

// pendingCheckpoint is what the next checkpoint tells, on its way behind the members that it is about.
type pendingCheckpoint struct {
	list    []byte // entries since the one before
	pass    int
	content int64
	inside  *inside // nil: it is between two entries
}

// entered collects entries for the next checkpoint.
type entered struct {
	text bytes.Buffer
	list *manifest.Writer
}

func newEntered() (e *entered, err error) {
	e = &entered{}
	e.list, err = manifest.NewJournalWriter(&e.text)
	return e, err
}

// bytes ends the list.
func (e *entered) bytes() ([]byte, error) {
	_, err := e.list.Close()
	return e.text.Bytes(), err
}

// oneEntry is a list of e alone.
func oneEntry(e *manifest.Entry) ([]byte, error) {
	list, err := newEntered()
	if err == nil {
		err = list.list.Write(e)
	}
	if err != nil {
		return nil, err
	}
	return list.bytes()
}

// due reports whether enough is behind the last checkpoint.
func (a *archiver) due() bool {
	return a.at()-a.cutAt >= max(a.j.o.tune.mark, a.at()/64) || a.entered.text.Len() >= mostEntered
}

// mark makes a checkpoint of all that was added so far.
func (a *archiver) mark(ctx context.Context, in *inside) error {
	if err := a.flush(ctx); err != nil || a.cutAt == a.base {
		return err
	}
	list, err := a.entered.bytes()
	if err != nil {
		return err
	}
	if a.entered, err = newEntered(); err != nil {
		return err
	}
	a.cutAt = a.base
	behind := make(chan packed, 1)
	behind <- packed{cut: &pendingCheckpoint{list: list, pass: a.pass, content: a.base, inside: in}}
	return a.hand(ctx, behind)
}

// inside is where the archive stands in the content of a file.
func (c *copying) inside() (*inside, error) {
	entry, err := oneEntry(c.entry)
	if err != nil {
		return nil, err
	}
	sum, err := c.sum.(encoding.BinaryMarshaler).MarshalBinary()
	return &inside{entry, sum}, err
}

// reach makes what is written durable, and notes beside the work how to go on from there.
func (a *archiver) reach(ctx context.Context, c *pendingCheckpoint) error {
	if a.unmarked.Load() {
		return nil
	}
	durable, err := a.out.sync(ctx)
	if err != nil {
		return err
	}
	if !durable {
		a.unmarked.Store(true) // nobody knows what would be there
		return nil
	}
	at := resumePoint{Size: a.out.off, Content: c.content, Inside: c.inside}
	if at.Sum, err = a.sum.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return err
	}
	members, err := a.recent.Encode()
	if err != nil {
		return err
	}
	a.recent = manifest.Members{}
	select {
	case a.marking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	a.g.Go(func() error {
		defer func() { <-a.marking }()
		outlast, cancel := grace(ctx)
		defer cancel()
		if a.unmarked.Load() {
			return nil
		}
		err := a.save(dest.NoWait(outlast), c, &at, members)
		a.unsure = a.unsure || unreached(outlast, err) != nil
		if errors.Is(err, dest.ErrTooManyOpenFiles) { // the archive has the only handle
			a.unmarked.Store(true)
			return nil
		}
		return err
	})
	return nil
}

// grace is a context that outlasts another one a little: what is cut off half-way is of no use.
func grace(ctx context.Context) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(store.Grace, cancel) })
	return longer, func() { stop(); cancel() }
}

// save writes a checkpoint.
func (a *archiver) save(ctx context.Context, c *pendingCheckpoint, at *resumePoint, members []byte) error {
	name := manifest.SegmentName(a.j.state.Gen, manifest.Base(a.j.Temp(a.j.slot)))
	file, err := a.j.putAbout(ctx, name, slices.Concat(c.list, members))
	if err != nil {
		return err
	}
	p := &a.point
	p.Segments = append(p.Segments, segment{File: file, List: int64(len(c.list)), Pass: c.pass})
	at.Segments = len(p.Segments)
	p.Stops = slices.DeleteFunc(p.Stops, func(s resumePoint) bool { return at.Inside == nil || s.Inside != nil })
	p.Stops = append(p.Stops, *at)
	return a.j.putCheckpoint(ctx, p)
}

// putCheckpoint puts a checkpoint into place.
func (j *job) putCheckpoint(ctx context.Context, c *checkpoint) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	j.marks.hold(j.slot + "/tmp/" + c.Temp)
	if err := j.Replace(ctx, j.slot, "meta/"+manifest.CheckpointName(j.state.Gen), text); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	return nil
}

// settle says in the checkpoint, after a failure, that nothing is written any more. What is behind it gives its room back.
func (a *archiver) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), store.Grace)
	defer cancel()
	quiet := a.out.close(ctx)
	n := len(a.point.Stops)
	if n == 0 || !quiet || a.unsure {
		return
	}
	err := a.j.Truncate(ctx, a.out.name, a.point.Stops[n-1].Size)
	if err == nil {
		a.point.Settled = true
		err = a.j.putCheckpoint(ctx, &a.point)
	}
	if err != nil {
		a.j.o.Log.Debug("settle the archive", "slot", a.j.slot, "error", err)
	}
}

// discard gives up what is there of the archive.
func (a *archiver) discard(ctx context.Context) error {
	_ = a.out.close(ctx)
	a.j.marks.release(a.out.name)
	return errors.Join(a.j.Remove(ctx, a.j.slot+"/meta/"+manifest.CheckpointName(a.j.state.Gen)), a.j.Remove(ctx, a.out.name))
}
