package exports

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/export"
	"slotfs/fs/restore"
	"slotfs/indexer/backup"
)

// account prepares the archive of an account as pkgacct writes it: cpmove-USER/ with the account's directory in it, the home directory
// last. An archive that pkgacct made is taken as it is.
func (e *Export) account(ctx context.Context, t browse.Tree, r *restore.Root) error {
	e.format = export.TarGzip
	at, ok := browse.SnapshotOf(r.Path)
	if !ok || r.Path != at && r.Path != path.Join(at, backup.Full) {
		return exit.With(fmt.Errorf("export %s as cpmove: no snapshot", r.Path), exit.Usage, "the path ends with the name of a snapshot, such as latest")
	}
	if len(e.Proof) > 0 {
		return exit.Hinted(fmt.Errorf("export %s as cpmove: the snapshot is %s", at, e.Proof[0].Status), "`--format tar.gz` exports what is there of it")
	}
	e.Paths = []string{at}
	e.from = restores.NewExportSource(t, true)
	full, err := e.from.Find(ctx, path.Join(at, backup.Full))
	if err != nil {
		return err
	}
	a := &account{from: e.from, at: at, top: full}
	if err := a.read(ctx); err != nil {
		return err
	}
	e.Name = "cpmove-" + a.user + ".tar.gz"
	e.members = a.members
	return e.takeOriginal(ctx, a)
}

// account is one that restorepkg is to take.
type account struct {
	from  restores.Source
	at    string
	top   restore.Entry // its directory
	user  string
	names backup.Names
	home  *backup.Owner // of the home directory, where the backup does not keep owners
}

// read finds out whose account it is, and whether it is one.
func (a *account) read(ctx context.Context) error {
	_, s := a.from.Node(&a.top)
	if s == nil {
		return errors.New("no snapshot")
	}
	a.user, a.names = s.Account, s.Names
	if s.Kind == backup.Tree {
		a.home = s.Owner
	}
	var has []string
	users := 0
	err := a.from.List(ctx, &a.top, func(e *restore.Entry) error {
		has = append(has, e.Name)
		if e.Name != "cp" || !isDirectory(e) {
			return nil
		}
		return a.from.List(ctx, e, func(e *restore.Entry) error {
			if e.Mode&backup.ModeType == backup.ModeRegular {
				users++
				a.user = e.Name
			}
			return nil
		})
	})
	if err != nil {
		return browse.Explain("export", a.at, err)
	}
	all := " " + strings.Join(has, " ") + " "
	home := strings.Contains(all, " homedir ") || strings.Contains(all, " homedir.tar ") || strings.Contains(all, " userdata ")
	if users != 1 || !home {
		return exit.With(fmt.Errorf("export %s as cpmove: it is no account of cPanel: cp/USER and homedir, homedir.tar or userdata are not all there", a.at), exit.Failed,
			"a job's backup is one where `before` has pkgacct stage the account and `prefix = \"homedir\"`")
	}
	return nil
}

// members is an export.Members.
func (a *account) members(ctx context.Context, yield func(*export.Member) error) error {
	o := ordered{from: a.from}
	top := restore.Root{Source: a.from, Entry: a.top, Name: "cpmove-" + a.user, Path: path.Join(a.at, backup.Full)}
	write := func(m *export.Member) error {
		a.dress(m)
		return yield(m)
	}
	if err := write(member(&top)); err != nil {
		return err
	}
	var home []restore.Root
	err := o.list(ctx, &top, func(child *restore.Root) error {
		if path.Base(child.Path) == "homedir" || path.Base(child.Path) == "homedir.tar" {
			home = append(home, *child)
			return nil
		}
		return o.walk(ctx, child, write)
	})
	for i := range home {
		if err == nil {
			err = o.walk(ctx, &home[i], write)
		}
	}
	return err
}

// dress gives a member the owners that it has where the backup was made. Trees are often owned by root all over.
func (a *account) dress(m *export.Member) {
	if h := a.home; h != nil && strings.HasPrefix(m.Path+"/", "cpmove-"+a.user+"/homedir/") {
		if m.Entry.UID == 0 {
			m.Entry.UID = h.UID
		}
		if m.Entry.GID == 0 {
			m.Entry.GID = h.GID
		}
	}
	m.User, m.Group = a.names.User(m.Entry.UID), a.names.Group(m.Entry.GID)
}

// takeOriginal has the bytes of the backup written where that is an archive as pkgacct makes it.
func (e *Export) takeOriginal(ctx context.Context, a *account) error {
	_, s := e.from.Node(&a.top)
	if s.Kind != backup.Tar && s.Kind != backup.TarGzip {
		return nil
	}
	var told struct {
		Top string `json:"account_directory"`
	}
	if err := e.readJSON(ctx, path.Join(a.at, "snapshot.json"), &told); err != nil {
		return err
	}
	if told.Top != a.user && told.Top != "cpmove-"+a.user && !(strings.HasPrefix(told.Top, "backup-") && strings.HasSuffix(told.Top, "_"+a.user)) {
		return nil
	}
	dir, err := e.from.Find(ctx, path.Join(a.at, backup.Archive))
	if browse.Missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var files []restore.Root
	err = e.from.List(ctx, &dir, func(f *restore.Entry) error {
		files = append(files, restore.Root{Source: e.from, Entry: *f, Name: f.Name, Path: path.Join(a.at, backup.Archive, f.Name)})
		return nil
	})
	e.format, e.compress = export.Contents, s.Kind == backup.Tar
	e.members = func(_ context.Context, yield func(*export.Member) error) error {
		for i := range files {
			if err := yield(member(&files[i])); err != nil {
				return err
			}
		}
		return nil
	}
	return err
}

func (e *Export) readJSON(ctx context.Context, p string, into any) error {
	at, err := e.from.Find(ctx, p)
	if err != nil {
		return err
	}
	f, err := e.from.Open(ctx, &at)
	if err != nil {
		return browse.Explain("export", p, err)
	}
	defer f.Close()
	data := make([]byte, at.Size)
	if _, err := f.ReadAt(ctx, data, 0); err != nil && !errors.Is(err, io.EOF) {
		return browse.Explain("export", p, err)
	}
	return json.Unmarshal(data, into)
}
