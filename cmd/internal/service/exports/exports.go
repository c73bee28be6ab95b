// Package exports knows what an export consists of: what its paths mean, which name each piece has in the archive, in which order the
// pieces are best read, what was not proven of them, and how a snapshot becomes an archive that cPanel's restorepkg takes. It must not
// know how archives are written, nor flags, HTTP and the terminal.
package exports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/export"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// CPMove is the format of an account's archive that restorepkg takes.
const CPMove = "cpmove"

// Formats lists what an export can be asked for as.
func Formats() []string {
	var all []string
	for _, f := range export.Formats() {
		all = append(all, string(f))
	}
	return append(all, CPMove)
}

// Request says what to export.
type Request struct {
	// Paths are as in the mount. One that ends with a slash stands for what is in the directory.
	Paths        []string `json:"paths"`
	Format       string   `json:"format,omitempty"` // tar.gz unless given
	NumericOwner bool     `json:"numeric_owner,omitempty"`
}

// maxPaths bounds the paths of a request.
const maxPaths = 10_000

// Check refuses what cannot be asked for.
func (q *Request) Check() error {
	if q.Format == "" {
		q.Format = string(export.TarGzip)
	}
	switch {
	case !slices.Contains(Formats(), q.Format):
		return exit.Usagef("format %q: want one of %s", q.Format, strings.Join(Formats(), ", "))
	case len(q.Paths) == 0:
		return exit.Usagef("export: no path is given")
	case len(q.Paths) > maxPaths:
		return exit.Usagef("export: %d paths; at most %d", len(q.Paths), maxPaths)
	case q.Format == CPMove && len(q.Paths) != 1:
		return exit.Usagef("format cpmove: want one snapshot of one account")
	}
	return nil
}

// Observer hears how an export gets on. Each of its fields may be nil.
type Observer struct {
	Progress restore.Progress
	LeftOut  func(path string) // sockets, and with ZIP pipes
}

// Export is an archive that can be written.
type Export struct {
	// Name is that of its file.
	Name string
	// Paths are what is in it, without links on the way.
	Paths []string
	// Proof tells of snapshots of which not everything was proven.
	Proof []restores.Unproven

	from     restores.Source
	format   export.Format
	members  export.Members
	compress bool // what is written
	window   int64
	files    int
}

// maxWindow bounds what is read ahead for one export, in bytes.
const maxWindow = 8 << 20

// Find finds what is to be exported of what a tree shows.
func Find(ctx context.Context, t browse.Tree, q Request) (*Export, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	e := &Export{from: restores.NewExportSource(t, q.NumericOwner), format: export.Format(q.Format)}
	roots, err := e.find(ctx, q.Paths)
	if err != nil {
		return nil, err
	}
	if e.Proof, err = e.from.NotComplete(ctx, roots); err != nil {
		return nil, err
	}
	e.window, e.files = e.from.Window(&roots[0].Entry)
	e.window = min(e.window, maxWindow)
	if q.Format == CPMove {
		return e, e.account(ctx, t, &roots[0])
	}
	e.Name = fileName(e.Paths) + "." + q.Format
	o := ordered{from: e.from, roots: roots}
	if r, ok := t.(*browse.Restricted); ok {
		o.reads = r.Reads
	}
	e.members = o.members
	return e, nil
}

// find finds the paths, each with its name in the archive. What lies in another one is not there twice.
func (e *Export) find(ctx context.Context, paths []string) ([]restore.Root, error) {
	var all []restore.Root
	for _, p := range paths {
		clean := strings.TrimPrefix(path.Clean("/"+p), "/")
		real, at, err := e.from.Resolve(ctx, clean)
		if err != nil {
			return nil, err
		}
		root := restore.Root{Source: e.from, Entry: at, Name: path.Base(real), Path: real}
		if strings.HasSuffix(p, "/") || real == "" {
			if at.Mode&backup.ModeType != backup.ModeDir {
				return nil, browse.Explain("export", p, errors.New("not a directory"))
			}
			root.Name = ""
		}
		all = append(all, root)
	}
	all = outermost(all)
	above := commonDirectory(all)
	for i := range all {
		r := &all[i]
		if len(all) > 1 {
			r.Name = strings.TrimPrefix(strings.TrimPrefix(r.Path, above), "/")
		}
		e.Paths = append(e.Paths, r.Path)
	}
	return all, nil
}

// outermost leaves out what lies in another one of roots, and what is there twice.
func outermost(roots []restore.Root) []restore.Root {
	given, taken := map[string]bool{}, map[string]bool{}
	for i := range roots {
		given[roots[i].Path] = true
	}
	return slices.DeleteFunc(roots, func(r restore.Root) bool {
		for at := r.Path; at != ""; {
			at = strings.TrimPrefix(path.Dir("/"+at), "/")
			if given[at] {
				return true
			}
		}
		twice := taken[r.Path]
		taken[r.Path] = true
		return twice
	})
}

// commonDirectory is the lowest directory that all of roots lie in: below it their paths keep dates and accounts apart.
func commonDirectory(roots []restore.Root) string {
	common := strings.Split(path.Dir("/"+roots[0].Path), "/")
	for i := range roots {
		other := strings.Split(path.Dir("/"+roots[i].Path), "/")
		n := 0
		for n < min(len(common), len(other)) && common[n] == other[n] {
			n++
		}
		common = common[:n]
	}
	return strings.Trim(strings.Join(common, "/"), "/")
}

// fileName is a name for the archive of paths, without its ending.
func fileName(paths []string) string {
	var parts []string
	add := func(name string) {
		if name != "" && !slices.Contains(parts, name) {
			parts = append(parts, name)
		}
	}
	account, snapshot := "", ""
	for i, p := range paths {
		at, in := browse.SnapshotOf(p)
		if !in {
			at = p + "/"
		}
		a, s := path.Base(path.Dir(at)), strings.Trim(path.Base(at), "/")
		if i == 0 {
			account, snapshot = a, s
		}
		if a != account {
			account, snapshot = "", ""
		}
		if s != snapshot {
			snapshot = ""
		}
	}
	add(account)
	add(snapshot)
	if len(paths) == 1 {
		add(path.Base("/" + paths[0]))
	}
	name := strings.Trim(strings.Join(parts, "-"), "/.-")
	if name == "" {
		return "backups"
	}
	return name[:min(len(name), 150)]
}

// Length is how many bytes Write is going to write; -1: that is not known before.
func (e *Export) Length(ctx context.Context) (int64, error) {
	if e.compress {
		return -1, nil
	}
	n, err := export.Length(ctx, e.members, e.format)
	return n, explain(err)
}

// Write writes the archive. After an error what was written is none.
func (e *Export) Write(ctx context.Context, w io.Writer, o Observer) (s export.Summary, err error) {
	out := export.Options{Format: e.format, Files: e.files, Window: e.window, Progress: o.Progress}
	if o.LeftOut != nil {
		out.LeftOut = func(m *export.Member) { o.LeftOut(m.Origin) }
	}
	if o.Progress != nil {
		defer e.plan(ctx, o.Progress)()
	}
	if !e.compress {
		s, err = export.Write(ctx, w, e.members, out)
		return s, explain(err)
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return s, err
	}
	if s, err = export.Write(ctx, z, e.members, out); err != nil {
		return s, explain(err)
	}
	return s, z.Close()
}

// plan counts what there is to do until stop is called.
func (e *Export) plan(ctx context.Context, p restore.Progress) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.members(ctx, func(m *export.Member) error { // what cannot be listed is told by whoever reads it
			if m.Entry.Mode&backup.ModeType == backup.ModeRegular && m.Entry.Size > 0 {
				p.Planned(1, m.Entry.Size)
			}
			return ctx.Err()
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

// explain is an error of an export. An archive that something is missing of is not made: the exit code says that of the rest less than
// nothing is wrong.
func explain(err error) error {
	var read *export.ReadError
	if !errors.As(err, &read) {
		return err
	}
	err = fmt.Errorf("export %w", err)
	if exit.Code(err) != exit.Failed {
		return err
	}
	return exit.With(err, exit.Partial, "what else can be read: leave this one out, or copy it with `slotfs restore`, which goes on behind what it cannot read")
}
