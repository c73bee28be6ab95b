package backup

// PartKind is one kind of thing that people ask for. It is also the name of the directory in a snapshot
// that shows it.
type PartKind string

// The kinds of parts, in the order in which a snapshot's directory shows them.
const (
	Files          PartKind = "files"
	Databases      PartKind = "databases"
	DatabaseUsers  PartKind = "database-users"
	Email          PartKind = "email"
	Forwarders     PartKind = "forwarders"
	Filters        PartKind = "filters"
	Autoresponders PartKind = "autoresponders"
	Lists          PartKind = "lists"
	DNS            PartKind = "dns"
	SSL            PartKind = "ssl"
	DKIM           PartKind = "dkim"
	Cron           PartKind = "cron"
	FTP            PartKind = "ftp"
	Domains        PartKind = "domains"
	Reseller       PartKind = "reseller"
	Config         PartKind = "config"
)

// Full and Archive are the directories of a snapshot that show it as it was backed up.
const (
	Full    = "full"
	Archive = "archive"
)

// PartKinds lists the kinds in display order.
func PartKinds() []PartKind {
	return []PartKind{Files, Databases, DatabaseUsers, Email, Forwarders, Filters, Autoresponders, Lists,
		DNS, SSL, DKIM, Cron, FTP, Domains, Reseller, Config}
}

// Counts says how many of each kind of part there are: mailboxes, databases, zones, ...
type Counts map[PartKind]int

// Parts is how a snapshot's parts are cut out of its tree. Equal Parts are stored once, whatever
// snapshot they belong to.
type Parts struct {
	// Full is the path of the account's directory in the tree ("" when members stand at the top).
	Full   string
	Grafts []Graft // sorted by Kind's display order, then Path
}

// Graft shows one piece of a snapshot's tree, or a generated file, at a place of its own. Directories on the way to Path
// are made as needed. No two grafts of a kind show the same piece of the tree, and no Path lies below
// the Path of a graft of a directory.
type Graft struct {
	Kind PartKind
	// Path is the place below the snapshot's directory, the kind's directory included: "email/example.com/info".
	// A graft at the kind's own path ("files") is the directory itself.
	Path string
	// From is the path in the tree of what is shown, or empty for a generated file. Paths are
	// raw bytes; elements may end with NestedSuffix.
	From string
	// Content is the generated file.
	Content []byte
	// Secret says that only root may read it, whatever modes the backup has.
	Secret bool
}

// Find tells the part's graft at path exactly.
func (p *Parts) Find(path string) (Graft, bool) {
	for _, g := range p.Grafts {
		if g.Path == path {
			return g, true
		}
	}
	return Graft{}, false
}
