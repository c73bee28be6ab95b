package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"sync"

	"slotfs/indexer/dest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/store"
)

// mark is a place inside a large file: what of which version is durable under a temporary name.
type mark struct {
	Path  string `json:"path"` // base64: raw bytes
	Size  int64  `json:"size"`
	MTime int64  `json:"mtime"`
	CTime int64  `json:"ctime"`
	Inode uint64 `json:"inode"`
	Temp  string `json:"temp"`
	Done  int64  `json:"done"`
	Sum   string `json:"sha256"` // of what is done
	// Durable says that it is on the server's disk. What is not is read back before it is used.
	Durable bool `json:"durable"`

	raw string
	sum [sha256.Size]byte
}

// Prefix begins the names of marks in meta/.
const Prefix = "part."

// Marks are the marks inside large files of a slot, files `meta/part.<temporary name>`.
type Marks struct {
	s    *store.Store
	slot string

	mu    sync.Mutex // guards what follows
	found []mark     // of earlier runs, not yet adopted
}

// NewMarks knows of none yet.
func NewMarks(s *store.Store, slot string) *Marks { return &Marks{s: s, slot: slot} }

// Load reads the marks of earlier runs and renames what they are about, so that late requests of those runs miss it.
func (p *Marks) Load(ctx context.Context) error {
	list, err := p.s.ListPrefetched(ctx, p.slot+"/meta")
	if err != nil {
		return err
	}
	for _, info := range list {
		if !strings.HasPrefix(info.Name, Prefix) {
			continue
		}
		name := p.slot + "/meta/" + info.Name
		if err := p.adoptFile(ctx, name); err != nil {
			return err
		}
		if err := p.s.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (p *Marks) adoptFile(ctx context.Context, name string) error {
	text, err := store.Load(ctx, p.s, name, 1<<20)
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return err
	}
	found, ok := parsePart(text)
	if err != nil || !ok {
		return nil // sent from the beginning
	}
	info, err := p.s.Stat(ctx, p.slot+"/tmp/"+found.Temp)
	if err != nil || info.Size < found.Done {
		return store.Missing(err)
	}
	temp := p.s.Temps(p.slot).Name()
	if err := p.s.Rename(ctx, p.slot+"/tmp/"+found.Temp, temp); err != nil {
		return store.Missing(err)
	}
	found.Temp = temp
	if there, err := p.there(ctx, &found); err != nil || !there {
		return err // its temporary file stays until the end of the run
	}
	p.found = append(p.found, found)
	return p.write(ctx, found)
}

// there reports whether the server still has what a mark says.
func (p *Marks) there(ctx context.Context, m *mark) (bool, error) {
	if m.Durable {
		return true, nil
	}
	hash, err := store.Hash(ctx, p.s, m.Temp, m.Done)
	if err != nil && (ctx.Err() != nil || errors.Is(err, dest.ErrUnreachable)) {
		return false, err
	}
	return err == nil && hash == m.Sum, nil
}

// parsePart reads a mark. One that leads elsewhere, or is none, is not ok.
func parsePart(text []byte) (m mark, ok bool) {
	var raw []byte
	err := json.Unmarshal(text, &struct {
		*mark
		Path *[]byte `json:"path"`
	}{&m, &raw})
	m.raw = string(raw)
	ok = err == nil && m.Done > 0 && m.Done <= m.Size && m.Temp != "" && !strings.Contains(m.Temp, "/") &&
		dest.CheckPath(m.Temp) == nil && len(m.Sum) == hex.EncodedLen(len(m.sum))
	if ok {
		_, err = hex.Decode(m.sum[:], []byte(m.Sum))
	}
	return m, ok && err == nil
}

// adopt returns the mark of this very version of a file, or nil.
func (p *Marks) adopt(e *manifest.Entry) *mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.found {
		if f.raw == e.Path && plan.SameVersion(e, f.Size, f.MTime, f.CTime, f.Inode) {
			p.found = append(p.found[:i:i], p.found[i+1:]...)
			return &f
		}
	}
	return nil
}

// note leaves a mark.
func (p *Marks) note(ctx context.Context, e *manifest.Entry, temp string, done offset, durable bool) error {
	return p.write(ctx, mark{
		Size: e.Size, MTime: e.MTime, CTime: e.CTime, Inode: e.Inode, Temp: temp, Done: done.at,
		Sum: hex.EncodeToString(done.sum[:]), Durable: durable, raw: e.Path,
	})
}

// write makes the file of a mark. On the server it names the temporary file without its directory.
func (p *Marks) write(ctx context.Context, m mark) error {
	temp := m.Temp
	m.Temp = manifest.Base(temp)
	text, err := json.Marshal(struct {
		mark
		Path []byte `json:"path"`
	}{m, []byte(m.raw)})
	if err != nil {
		return err
	}
	p.s.HoldTemp(temp)
	return p.s.Temps(p.slot).Replace(ctx, "meta/"+Prefix+m.Temp, text)
}

// clear removes the mark of a temporary name.
func (p *Marks) clear(ctx context.Context, temp string) error {
	if !p.s.ReleaseTemp(temp) {
		return nil
	}
	err := p.s.Remove(ctx, p.slot+"/meta/"+Prefix+manifest.Base(temp))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
