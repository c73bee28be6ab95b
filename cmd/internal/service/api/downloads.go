package api

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	iofs "io/fs"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/exports"
	"slotfs/cmd/internal/service/restores"
)

// downloadRoutes are those that send files and directories as one archive.
func (h *Handlers) downloadRoutes() []route {
	return []route{
		raw("/archive", "what is at a path as one archive", contentBytes, owners, h.archive),
		change("POST", "/downloads", "what is at several paths is to be downloaded as one archive: /downloads/{id} sends it", owners, h.prepare),
		raw("/downloads/{id}", "the archive that was asked for, for an hour, as often as somebody wants it", contentBytes, owners, h.download),
	}
}

// Bounds of downloads.
const (
	keepDownload   = time.Hour
	keptDownloads  = 128 // that were asked for, of all
	ownDownloads   = 8   // of one person
	adminsAtOnce   = 8   // that are sent to administrators
	ownersAtOnce   = 12  // that are sent to owners
	accountAtOnce  = 2   // that are sent to one account
	downloadWait   = 20 * time.Second
	downloadBuffer = 64 << 10
)

// downloads are those that were asked for, and those that are sent.
type downloads struct {
	admins, owners chan struct{} // has one for each that is sent

	mu sync.Mutex
	// mu guards what follows.
	asked    []*asking               // the oldest first
	accounts map[string]*accountRoom // of owners who wait, or whom something is sent to
}

// asking is a download that was asked for.
type asking struct {
	id      string
	who     login.Identity
	began   time.Time
	request exports.Request
}

// accountRoom bounds what is sent to one account.
type accountRoom struct {
	room  chan struct{}
	users int // guarded by the mutex of downloads
}

func newDownloads() *downloads {
	return &downloads{admins: make(chan struct{}, adminsAtOnce), owners: make(chan struct{}, ownersAtOnce), accounts: map[string]*accountRoom{}}
}

// add remembers a request in place of older ones.
func (d *downloads) add(who login.Identity, q exports.Request) *asking {
	a := &asking{id: rand.Text(), who: who, began: time.Now(), request: q}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, a)
	own := 0
	for i := len(d.asked) - 1; i >= 0; i-- {
		old := d.asked[i]
		if old.who == who {
			own++
		}
		if old.who == who && own > ownDownloads || time.Since(old.began) > keepDownload {
			d.asked = slices.Delete(d.asked, i, i+1)
		}
	}
	d.asked = d.asked[max(0, len(d.asked)-keptDownloads):]
	return a
}

// find finds what somebody asked for.
func (d *downloads) find(who login.Identity, id string) (exports.Request, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.asked {
		if a.id == id && a.who == who && time.Since(a.began) <= keepDownload {
			return a.request, nil
		}
	}
	return exports.Request{}, fmt.Errorf("download %.40s: %w", id, iofs.ErrNotExist)
}

// errTooMany says that no more can be sent at once.
var errTooMany = exit.With(errors.New("too many downloads at once"), exit.Busy, "wait until another one is done")

// enter waits until one more may be sent to somebody, until leave is called.
func (d *downloads) enter(ctx context.Context, who login.Identity) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, downloadWait)
	defer cancel()
	all := d.admins
	if !who.Admin() {
		all = d.owners
		own, done := d.account(who.Account)
		if !take(ctx, own) {
			done()
			return nil, errTooMany
		}
		defer func() {
			if err != nil {
				<-own
				done()
			}
		}()
		leave = func() { <-own; done() }
	}
	if !take(ctx, all) {
		return nil, errTooMany
	}
	release := leave
	return func() {
		<-all
		if release != nil {
			release()
		}
	}, nil
}

func take(ctx context.Context, room chan struct{}) bool {
	select {
	case room <- struct{}{}:
		return true
	default:
	}
	select {
	case room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// account is the room of an account, until done is called.
func (d *downloads) account(name string) (room chan struct{}, done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.accounts[name]
	if a == nil {
		a = &accountRoom{room: make(chan struct{}, accountAtOnce)}
		d.accounts[name] = a
	}
	a.users++
	return a.room, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		a.users--
		if a.users == 0 {
			delete(d.accounts, name)
		}
	}
}

// Download asks for an archive.
type Download struct {
	Paths    []string       `json:"paths,omitempty"`        // as in the mount; one that ends with a slash stands for what is in the directory
	PathsB64 []browse.Bytes `json:"paths_base64,omitempty"` // further ones, that are not UTF-8
	Format   string         `json:"format,omitempty"`       // tar.gz unless given, tar, zip or cpmove
}

// Prepared is an archive that can be downloaded.
type Prepared struct {
	ID       string              `json:"id"`
	URL      string              `json:"url"`  // on this server
	Name     string              `json:"name"` // of the file
	Paths    int                 `json:"paths"`
	Unproven []restores.Unproven `json:"not_complete,omitempty"` // snapshots of which not everything was proven
}

// prepare looks whether what is asked for is there.
func (h *Handlers) prepare(c *Call, _ none, q Download) (Prepared, error) {
	request := exports.Request{Paths: q.Paths, Format: q.Format}
	for _, p := range q.PathsB64 {
		request.Paths = append(request.Paths, string(p))
	}
	e, err := h.export(c, &request)
	if err != nil {
		return Prepared{}, err
	}
	a := h.downloads.add(c.Who, request)
	return Prepared{ID: a.id, URL: Prefix + "/downloads/" + a.id, Name: e.Name, Paths: len(e.Paths), Unproven: e.Proof}, nil
}

// export finds what somebody wants to download.
func (h *Handlers) export(c *Call, q *exports.Request) (*exports.Export, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	t, err := h.service.Tree(c.Context, c.Who)
	if err != nil {
		return nil, err
	}
	return exports.Find(c.Context, t, *q)
}

func (h *Handlers) download(c *Call, p idParams) error {
	q, err := h.downloads.find(c.Who, p.ID)
	if err != nil {
		return err
	}
	return h.sendArchive(c, q)
}

type archiveParams struct {
	Path   string `query:"path" required:"yes" doc:"of a file or directory"`
	Format string `query:"format" doc:"tar.gz unless given, tar, zip, or cpmove of a snapshot"`
}

func (h *Handlers) archive(c *Call, p archiveParams) error {
	return h.sendArchive(c, exports.Request{Paths: []string{p.Path}, Format: p.Format})
}

// sendArchive sends an archive while it is made. Where something of it cannot be read the connection breaks off.
func (h *Handlers) sendArchive(c *Call, q exports.Request) error {
	leave, err := h.downloads.enter(c.Context, c.Who)
	if err != nil {
		return err
	}
	defer leave()
	e, err := h.export(c, &q)
	if err != nil {
		return err
	}
	length, err := e.Length(c.Context)
	if err != nil {
		return err
	}
	w := &archiveWriter{c: c, head: http.Header{"Content-Type": {contentBytes}, "Content-Disposition": {attachment(e.Name)},
		"Cache-Control": {"private, no-store"}, "Accept-Ranges": {"none"}, "X-Content-Type-Options": {"nosniff"}}}
	if length >= 0 {
		w.head.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if c.r.Method == http.MethodHead {
		w.begin()
		return nil
	}
	buffer := bufio.NewWriterSize(w, downloadBuffer)
	_, err = e.Write(c.Context, buffer, exports.Observer{})
	if err == nil {
		err = buffer.Flush()
	}
	if err == nil || w.sent > 0 {
		h.recordDownload(c, e, w.sent, err)
	}
	switch {
	case err == nil:
		return nil
	case w.began:
		panic(http.ErrAbortHandler) // or it would look whole
	}
	return err
}

// recordDownload adds a download to the audit record.
func (h *Handlers) recordDownload(c *Call, e *exports.Export, sent int64, err error) {
	way := audit.WayOf(c.Context)
	r := audit.Record{Who: c.Who.String(), From: cmp.Or(way.From, "control socket"), Link: way.Link, Action: audit.Download, Paths: e.Paths, Bytes: sent, Detail: e.Name}
	if err != nil {
		r.Error = err.Error()
	}
	h.service.Record(r)
}

// archiveWriter answers with bytes that are known to be none before they come.
type archiveWriter struct {
	c     *Call
	head  http.Header
	began bool
	sent  int64
}

func (w *archiveWriter) begin() {
	w.began = true
	for name, values := range w.head {
		w.c.w.Header()[name] = values
	}
	w.c.w.WriteHeader(http.StatusOK)
}

// Write implements io.Writer.
func (w *archiveWriter) Write(p []byte) (int, error) {
	if !w.began {
		w.begin()
	}
	n, err := w.c.w.Write(p)
	w.sent += int64(n)
	return n, err
}
