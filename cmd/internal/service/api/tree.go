package api

import (
	"cmp"
	"context"
	"errors"
	"time"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
)

// treeRoutes are those that show what a mount shows.
func (h *Handlers) treeRoutes() []route {
	return []route{
		get("/node", "what is at a path, or has an id", owners, h.node),
		get("/list", "what is in a directory, page by page", owners, h.list),
		raw("/content", "the bytes of a file; with Range, ETag and If-Range", contentBytes, owners, h.content),
		get("/tables", "the tables of an SQL dump, and where in it they lie", owners, h.tables),
		lines("GET", "/find", "names that match a pattern in all snapshots", owners, h.find),
		get("/versions", "what is at a path in each snapshot of its account", owners, h.versions),
		get("/rows", "how many rows the tables of an SQL dump have, as far as its first 64 MiB tell", owners, h.rows),
		lines("GET", "/diff", "what differs between two paths", owners, h.diff),
	}
}

type nodeParams struct {
	Path     string `query:"path" doc:"where it is; nothing: the top"`
	ID       uint64 `query:"id" doc:"of a node; administrators only"`
	Name     string `query:"name" doc:"a name in that directory"`
	NoFollow bool   `query:"nofollow" doc:"a link at the end of the path is shown as such"`
}

// place finds what a request is about.
func (h *Handlers) place(c *Call, p string, id uint64, follow bool) (t browse.Paged, n browse.Node, err error) {
	if t, err = h.service.Tree(c.Context, c.Who); err != nil {
		return t, n, err
	}
	if id == 0 {
		way, err := browse.Walk(c.Context, t, p, follow)
		if err != nil {
			return t, n, browse.Explain("look at", p, err)
		}
		return t, way[len(way)-1], nil
	}
	if !c.Who.Admin() {
		return t, n, errForbidden
	}
	n, err = t.Node(c.Context, id)
	return t, n, err
}

func (h *Handlers) node(c *Call, p nodeParams) (Node, error) {
	t, n, err := h.place(c, p.Path, p.ID, !p.NoFollow)
	if err == nil && p.Name != "" {
		n, err = t.Lookup(c.Context, n.ID, p.Name)
	}
	return nodeOf(&n), err
}

const (
	defaultPage = 1000
	maxPage     = 10_000
)

// pageLimit is how many entries a page has at most; 0 asks for the default.
func pageLimit(asked int) int { return min(cmp.Or(asked, defaultPage), maxPage) }

// cut takes a page out of what is in order. next is where the next page begins; 0: there is none.
func cut[T any](all []T, from, limit int) (page []T, next int) {
	rest := all[min(from, len(all)):]
	if limit < len(rest) {
		return rest[:limit], from + limit
	}
	return rest, 0
}

type listParams struct {
	Path  string `query:"path" doc:"of the directory; nothing: the top"`
	ID    uint64 `query:"id" doc:"of the directory; administrators only"`
	From  int    `query:"from" doc:"where the page begins: 0, or next of the page before"`
	Limit int    `query:"limit" doc:"how many entries a page has at most: 1000 unless given, up to 10000"`
	Sort  string `query:"sort" doc:"name, size, mtime or type, directories first; nothing: as in the mount"`
	Desc  bool   `query:"desc" doc:"the other way round"`
	Match string `query:"match" doc:"only names that have this in them, whatever the case"`
}

// Page is a part of a directory.
type Page struct {
	Directory Node   `json:"directory"`
	Entries   []Node `json:"entries"`
	Next      int    `json:"next,omitempty"`  // where the next page begins; absent: there is none
	Total     *int   `json:"total,omitempty"` // entries that match, of sorted and filtered listings
}

func (h *Handlers) list(c *Call, p listParams) (Page, error) {
	p.Limit = pageLimit(p.Limit)
	t, n, err := h.place(c, p.Path, p.ID, true)
	if err != nil {
		return Page{}, err
	}
	if !n.IsDir() {
		return Page{}, exit.Usagef("%s: not a directory", p.Path)
	}
	out := Page{Directory: nodeOf(&n), Entries: []Node{}}
	if p.Sort == "" && p.Match == "" && !p.Desc {
		err = page(c.Context, t, n.ID, p, &out)
	} else {
		err = h.orders.page(c, t, &n, p, &out)
	}
	return out, err
}

// errEnough ends a listing.
var errEnough = errors.New("enough")

// page adds the entries of a page in the order of the mount.
func page(ctx context.Context, t browse.Paged, dir uint64, p listParams, out *Page) error {
	next := p.From
	err := t.ListFrom(ctx, dir, p.From, func(n *browse.Node) error {
		if len(out.Entries) == p.Limit {
			out.Next = next
			return errEnough
		}
		out.Entries = append(out.Entries, nodeOf(n))
		next = n.Next
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

type findParams struct {
	Pattern string    `query:"pattern" required:"yes" doc:"of a name: * ? [a-z] as in a shell"`
	Below   string    `query:"below" doc:"only below this path, which has no links in it"`
	Latest  bool      `query:"latest" doc:"only in the newest complete snapshot of each account"`
	Since   time.Time `query:"since" doc:"only in snapshots of then or later"`
	Until   time.Time `query:"until" doc:"only in snapshots from before then"`
	Limit   int       `query:"limit" doc:"how many matches are told at most; nothing: all"`
}

// Match is a name that was found.
type Match struct {
	Path    string       `json:"path"`
	PathB64 browse.Bytes `json:"path_base64,omitempty"`
	found
}

func (h *Handlers) find(c *Call, p findParams, _ none, yield func(Match) error) error {
	q := browse.Query{Pattern: browse.Bytes(p.Pattern), Below: browse.Bytes(p.Below), Latest: p.Latest, Since: p.Since, Until: p.Until}
	n := 0
	err := h.service.Find(c.Context, c.Who, q, func(m browse.Match) error {
		if p.Limit > 0 && n == p.Limit {
			return errEnough
		}
		n++
		out := Match{found: found{m.Type, m.Size, m.MTime}}
		out.Path, out.PathB64 = coded(string(m.Path))
		return yield(out)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

type pathParams struct {
	Path string `query:"path" required:"yes" doc:"in a snapshot; any of them"`
}

func (h *Handlers) versions(c *Call, p pathParams) ([]browse.Version, error) {
	t, err := h.service.Tree(c.Context, c.Who)
	if err != nil {
		return nil, err
	}
	return browse.Versions(c.Context, t, p.Path)
}

type diffParams struct {
	Old string `query:"old" required:"yes" doc:"a snapshot, or a path in one"`
	New string `query:"new" required:"yes" doc:"what it is compared with"`
}

func (h *Handlers) diff(c *Call, p diffParams, _ none, yield func(Change) error) error {
	return h.service.Diff(c.Context, c.Who, browse.Pair{Old: browse.Bytes(p.Old), New: browse.Bytes(p.New)}, func(d browse.Change) error {
		return yield(changeOf(&d))
	})
}
