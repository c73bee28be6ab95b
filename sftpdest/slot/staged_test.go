package slot

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/place"
	"slotfs/sftpdest/slot/plan"
	"slotfs/sftpdest/slot/progress"
	"slotfs/sftpdest/slot/state"
)

// thickets are directories in directories with files before, between and behind them.
func (a *account) thickets() {
	for _, dir := range []string{"a", "a/b", "a/b/c", "a/m", "a/m/n", "z"} {
		for _, name := range []string{"0", "bb", "k", "zz"} {
			a.file(dir+"/"+name, dir+name, len(dir)+len(name))
		}
	}
}

// mustHold runs a backup and looks whether all slots hold what they claim.
func (a *account) mustHold(d dest.ReadWriter, m *memory, o Options) {
	a.t.Helper()
	sum := a.mustRun(d, o)
	if n, err := examine(a.t.Context(), m, o.Directory, history{sum.Gen: a.truth()}, nil); err != nil || n != 1 {
		a.t.Fatalf("%d complete: %v", n, err)
	}
	if left, err := m.List(a.t.Context(), state.Path(o.Directory, sum.Slot)+"/tmp"); err != nil || len(left) > 0 {
		a.t.Errorf("left in tmp: %v, %v", left, err)
	}
}

func TestANewDirectoryIsMovedWithItsFirstFiles(t *testing.T) {
	for _, lanes := range []int{1, 2, 3, 64} {
		a, m := newAccount(t), newMemory()
		a.thickets()
		o := options(2)
		o.Lanes, o.tune.segment = lanes, 1000
		var moved []string // of files: to data/, other than with their directory
		files := 0
		m.hear = func(op, p string) error {
			_, temp, _ := strings.Cut(p, "/tmp/")
			switch {
			case op == "rename" && !strings.Contains(temp, "/"):
				moved = append(moved, p)
			case op == "create" && strings.Contains(temp, "/"):
				files++
			}
			return nil
		}
		a.mustHold(m, m, o)
		// Six directories, of which a and a/b and a/m have two files each behind the first directory in them; the state twice, the
		// manifest.
		if want := 6 + 3*2 + 3; len(moved) > want {
			t.Errorf("%d lanes: %d renames, want %d: %q", lanes, len(moved), want, moved)
		}
		if files < 18 {
			t.Errorf("%d lanes: %d files came with their folder", lanes, files)
		}
	}
}

// rooted is a server that does not move directories, or has some that nobody knows of.
type rooted struct {
	*memory
	unknown bool
}

func (r rooted) Rename(ctx context.Context, from, to string) error {
	info, err := r.Stat(ctx, from)
	if err != nil || info.Mode&backup.ModeType != backup.ModeDir {
		return r.memory.Rename(ctx, from, to)
	}
	if !r.unknown {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrPermission}
	}
	if err := r.Mkdir(ctx, to, 0o755); err != nil {
		return err
	}
	return r.memory.Rename(ctx, from, to)
}

func TestDirectoriesThatCannotBeMoved(t *testing.T) {
	for _, unknown := range []bool{false, true} {
		t.Run(fmt.Sprintf("unknown %v", unknown), func(t *testing.T) {
			a, m := newAccount(t), newMemory()
			a.thickets()
			o := options(2)
			o.Lanes = 8
			a.mustHold(rooted{m, unknown}, m, o)
		})
	}
}

// forgetful loses the connection in the first upload to each name, when a half of it is written.
type forgetful struct {
	*memory
	mu   sync.Mutex
	seen map[string]bool
	lost int
}

func (f *forgetful) Put(ctx context.Context, p string, c []byte, a dest.Attributes, sync bool) (bool, error) {
	_, temp, _ := strings.Cut(p, "/tmp/")
	f.mu.Lock()
	first := strings.Contains(temp, "/") && !f.seen[p]
	if first {
		f.seen[p] = true
		f.lost++
	}
	f.mu.Unlock()
	if !first {
		return f.memory.Put(ctx, p, c, a, sync)
	}
	if _, err := f.memory.Put(ctx, p, c[:len(c)/2], dest.Attributes{}, false); err != nil {
		return false, err
	}
	return false, fmt.Errorf("put %s: %w", p, errCut)
}

func TestWhatALostConnectionLeftInANestIsReplaced(t *testing.T) {
	a, m := newAccount(t), newMemory()
	a.thickets()
	o := options(2)
	o.Lanes = 8
	f := &forgetful{memory: m, seen: map[string]bool{}}
	a.mustHold(f, m, o)
	if f.lost < 18 {
		t.Errorf("%d uploads were lost", f.lost)
	}
}

func TestAStagedDirectoryIsSealedWhenItIsFull(t *testing.T) {
	at := func(act plan.Do, path string, size int64, in *step) *step {
		s := &step{Item: place.Item{Action: plan.Action{Do: act}}}
		s.Entry.Path, s.Entry.Size, s.Entry.Mode = path, size, backup.ModeRegular|0o644
		if act == plan.Mkdir {
			s.Entry.Mode = backup.ModeDir | 0o755
			s.Self = place.NewDirectory(&s.Entry, "")
		}
		if in != nil {
			s.In = in.Self
		}
		return s
	}
	n := stagedDirs{small: 1 << 20}
	root := at(plan.Mkdir, "", 0, nil)
	full, empty, large := at(plan.Mkdir, "full", 0, root), at(plan.Mkdir, "empty", 0, root), at(plan.Mkdir, "large", 0, root)
	steps := []*step{root, at(plan.Send, "before", 1, root), empty, full}
	for i := range maxStagedFiles + 1 {
		steps = append(steps, at(plan.Send, fmt.Sprintf("full/%05d", i), 1, full))
	}
	steps = append(steps, large)
	for i := range maxStagedBytes>>20 + 1 {
		steps = append(steps, at(plan.Send, fmt.Sprintf("large/%05d", i), 1<<20, large))
	}
	steps = append(steps, at(plan.Symlink, "link", 0, root), nil)
	var order []string
	inside := map[string]int{}
	for _, s := range steps {
		for _, r := range n.next(s) {
			switch {
			case r.seal:
				order = append(order, "seal "+r.Entry.Path)
			case r.staged != nil:
				inside[r.staged.directory.Entry.Path]++
			default:
				order = append(order, r.Entry.Path)
			}
		}
	}
	want := []string{"", "before", "empty", "full", "seal full", fmt.Sprintf("full/%05d", maxStagedFiles), "large", "seal large",
		fmt.Sprintf("large/%05d", maxStagedBytes>>20), "link"}
	if !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	if inside["full"] != maxStagedFiles || inside["large"] != maxStagedBytes>>20 || len(inside) != 2 {
		t.Errorf("in staged directories: %v", inside)
	}
}

// planned calls a function when a run has planned.
type planned struct {
	progress.Silent
	f func()
}

func (p planned) Planned(_, _ int64) { p.f() }

// A file of a new directory may grow beyond what is read at once: it gets its name when the directory has.
func TestAFileThatGrowsTooLargeForItsStagedDirectoryComesBehindIt(t *testing.T) {
	t.Parallel()
	for lanes := 1; lanes <= 4; lanes++ {
		a, server := newAccount(t), newMemory()
		a.file("new/other", "other", 1)
		a.file("new/small", "small", 1)
		o := options(2)
		o.Lanes = lanes
		o.Progress = planned{f: func() { a.file("new/small", strings.Repeat("large", 1000), 2) }}
		if sum := a.mustRun(server, o); sum.Files != 2 {
			t.Errorf("%d lanes: %+v", lanes, sum)
		}
		a.holdsAll(server, o, 1, 1)
	}
}
