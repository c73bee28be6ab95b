package api

import (
	"cmp"
	"fmt"
	iofs "io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/indexer/backup"
)

// Catalog is the snapshots that somebody may see, in no order. It does not change.
type Catalog struct {
	Snapshots []*backup.Snapshot

	once     sync.Once
	accounts []Account
	groups   map[accountKey][]*backup.Snapshot
}

type accountKey struct{ destination, origin, account string }

// path is where the directory of the account is in the mount.
func (k accountKey) path() string { return path.Join(k.destination, k.origin, "accounts", k.account) }

// Account is one account on a destination.
type Account struct {
	Destination string     `json:"destination"`
	Origin      string     `json:"origin,omitempty"`
	Account     string     `json:"account"`
	Path        string     `json:"path"` // of its directory, in the mount
	Snapshots   int        `json:"snapshots"`
	Newest      time.Time  `json:"newest"`                // of all
	NewestGood  *time.Time `json:"newest_good,omitempty"` // of the complete ones
	Size        int64      `json:"size"`                  // of the content of the newest good one, or else of the newest
	Sizes       []int64    `json:"sizes"`                 // of the last 30 complete ones, the oldest first
	Concerns    []string   `json:"concerns,omitempty"`    // of the newest good one
}

// maxSizes is how many sizes of an account are told.
const maxSizes = 30

// group sums the snapshots up by account, once.
func (c *Catalog) group() {
	c.once.Do(func() {
		c.groups = map[accountKey][]*backup.Snapshot{}
		for _, s := range c.Snapshots {
			if !s.System && s.Account != "" {
				k := accountKey{s.Destination, s.Origin, s.Account}
				c.groups[k] = append(c.groups[k], s)
			}
		}
		for k, all := range c.groups {
			slices.SortFunc(all, func(a, b *backup.Snapshot) int { return a.Compare(&b.Source) })
			c.accounts = append(c.accounts, accountOf(k, all))
		}
		slices.SortFunc(c.accounts, func(a, b Account) int {
			return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Path, b.Path))
		})
	})
}

// accountOf sums up the snapshots of an account, the oldest first.
func accountOf(k accountKey, all []*backup.Snapshot) Account {
	newest := all[len(all)-1]
	out := Account{Destination: k.destination, Origin: k.origin, Account: k.account, Snapshots: len(all), Newest: newest.Time, Size: newest.Content,
		Path: k.path(), Sizes: []int64{}}
	var whole *backup.Snapshot // the newest good one
	for _, s := range all {
		if s.Status == backup.Complete && !s.Unclaimed {
			out.Sizes, whole = append(out.Sizes, s.Content), s
		}
	}
	if whole != nil {
		at := whole.Time
		out.NewestGood, out.Size, out.Concerns = &at, whole.Content, concernsOf(whole)
	}
	out.Sizes = out.Sizes[max(0, len(out.Sizes)-maxSizes):]
	return out
}

// concernsOf are the concerns of a snapshot as JSON can have them.
func concernsOf(s *backup.Snapshot) []string {
	var texts []string
	for _, c := range s.Concerns {
		texts = append(texts, strings.ToValidUTF8(c.Text, "�"))
	}
	return texts
}

// catalogRoutes are those about accounts and snapshots.
func (h *Handlers) catalogRoutes() []route {
	return []route{
		get("/accounts", "the accounts, page by page", owners, h.accounts),
		get("/access", "what whoever asks may do with each part of his backups", owners, h.access),
		get("/snapshots", "the snapshots of an account, the newest first", owners, h.snapshots),
	}
}

// access tells what somebody may do with each kind of part of what he is shown.
func (h *Handlers) access(c *Call, _ none) (map[string]config.Rights, error) {
	conf, err := h.service.Config()
	if err != nil {
		return nil, err
	}
	out := map[string]config.Rights{}
	for _, kind := range backup.PartKinds() {
		rights := config.Rights{View: true, Download: true, Restore: true}
		if !c.Who.Admin() {
			rights = conf.RightsOf(c.Who.Account, kind)
		}
		out[string(kind)] = rights
	}
	return out, nil
}

type accountsParams struct {
	Match       string `query:"match" doc:"only names that have this in them, whatever the case"`
	Destination string `query:"destination" doc:"only on this one"`
	Sort        string `query:"sort" doc:"name (unless given), size, newest, snapshots or concerns"`
	Desc        bool   `query:"desc" doc:"the other way round"`
	From        int    `query:"from" doc:"where the page begins: 0, or next of the page before"`
	Limit       int    `query:"limit" doc:"how many accounts a page has at most: 1000 unless given, up to 10000"`
}

// AccountPage is a part of the accounts.
type AccountPage struct {
	Accounts []Account `json:"accounts"`
	Total    int       `json:"total"`          // that match
	Next     int       `json:"next,omitempty"` // where the next page begins; absent: there is none
}

func (h *Handlers) accounts(c *Call, p accountsParams) (AccountPage, error) {
	catalog, err := h.service.Catalog(c.Context, c.Who)
	if err != nil {
		return AccountPage{}, err
	}
	compare, err := compareAccounts(p.Sort)
	if err != nil {
		return AccountPage{}, err
	}
	catalog.group()
	match := strings.ToLower(p.Match)
	matching := []Account{}
	for _, a := range catalog.accounts {
		if (p.Destination == "" || a.Destination == p.Destination) && strings.Contains(strings.ToLower(a.Account), match) {
			matching = append(matching, a)
		}
	}
	if compare != nil {
		slices.SortStableFunc(matching, compare)
	}
	if p.Desc {
		slices.Reverse(matching)
	}
	out := AccountPage{Total: len(matching)}
	out.Accounts, out.Next = cut(matching, p.From, pageLimit(p.Limit))
	return out, nil
}

// compareAccounts is how accounts are compared; nil: they are in order.
func compareAccounts(by string) (func(a, b Account) int, error) {
	switch by {
	case "", "name":
		return nil, nil
	case "size":
		return func(a, b Account) int { return cmp.Compare(a.Size, b.Size) }, nil
	case "newest":
		return func(a, b Account) int { return good(&a).Compare(good(&b)) }, nil
	case "snapshots":
		return func(a, b Account) int { return cmp.Compare(a.Snapshots, b.Snapshots) }, nil
	case "concerns":
		return func(a, b Account) int { return cmp.Compare(len(a.Concerns), len(b.Concerns)) }, nil
	}
	return nil, exit.Usagef("sort %q: want name, size, newest, snapshots or concerns", by)
}

func good(a *Account) time.Time {
	if a.NewestGood == nil {
		return time.Time{}
	}
	return *a.NewestGood
}

type accountParams struct {
	Destination string `query:"destination" required:"yes" doc:"that it is on"`
	Origin      string `query:"origin" doc:"of the account; nothing: it has none"`
	Account     string `query:"account" required:"yes" doc:"its name"`
}

// Snapshot is one backup of an account.
type Snapshot struct {
	Name     string         `json:"name"` // in the directory of the account
	Path     string         `json:"path"` // in the mount
	Time     time.Time      `json:"time"`
	Kind     backup.Kind    `json:"kind"`
	Status   backup.Status  `json:"status"`
	Detail   string         `json:"detail,omitempty"`
	Size     int64          `json:"size"`    // bytes of its content
	Stored   int64          `json:"stored"`  // bytes of its files on the destination; 0: of a tree
	Entries  uint64         `json:"entries"` // files and directories
	Parts    map[string]int `json:"parts"`   // how many of each kind
	Indexed  time.Time      `json:"indexed"`
	Concerns []string       `json:"concerns,omitempty"`
	Affected uint64         `json:"affected,omitempty"` // files that may be wrong, or are not whole
}

func (h *Handlers) snapshots(c *Call, p accountParams) ([]Snapshot, error) {
	catalog, err := h.service.Catalog(c.Context, c.Who)
	if err != nil {
		return nil, err
	}
	catalog.group()
	key := accountKey{p.Destination, p.Origin, p.Account}
	all := catalog.groups[key]
	if len(all) == 0 {
		return nil, fmt.Errorf("account %s: %w", path.Join(p.Destination, p.Origin, p.Account), iofs.ErrNotExist)
	}
	dir := key.path()
	names, err := h.shownNames(c, dir)
	if err != nil {
		return nil, err
	}
	out := []Snapshot{}
	for _, s := range slices.Backward(all) {
		if name, ok := names[s.Serial]; ok {
			out = append(out, snapshotOf(s, name, dir))
		}
	}
	return out, nil
}

// shownNames tells under which name each snapshot of an account is shown, by its serial.
func (h *Handlers) shownNames(c *Call, dir string) (map[uint64]string, error) {
	t, n, err := h.place(c, dir, 0, true)
	if err != nil {
		return nil, err
	}
	names := map[uint64]string{}
	err = t.List(c.Context, n.ID, func(n *browse.Node) error {
		if n.Snapshot != nil && n.IsDir() {
			names[n.Snapshot.Serial] = n.Name
		}
		return nil
	})
	return names, err
}

func snapshotOf(s *backup.Snapshot, name, dir string) Snapshot {
	out := Snapshot{Name: name, Path: path.Join(dir, name), Time: s.Time, Kind: s.Kind, Status: s.Status, Detail: strings.ToValidUTF8(s.Detail, "�"), Size: s.Content,
		Entries: s.Root.Count, Parts: map[string]int{}, Indexed: s.Indexed, Concerns: concernsOf(s), Affected: s.Affected.Files}
	if s.Kind == backup.Tar || s.Kind == backup.TarGzip {
		out.Stored = s.StoredSize()
	}
	for kind, n := range s.Counts {
		out.Parts[string(kind)] = n
	}
	return out
}
