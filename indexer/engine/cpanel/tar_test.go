package cpanel

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slotfs/indexer/archive"
	"slotfs/indexer/archive/gzseek"
	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
	"slotfs/indexer/tree/treetest"
)

// collector makes a tree of an archive and keeps what the engine wants, as a pass does.
type collector struct {
	builder *tree.Builder
	kept    map[string][]byte
	current string
}

func (c *collector) Member(m *archive.Member) (backup.Excerpt, error) {
	_, err := c.builder.Add(context.Background(), m.Path, m.Entry, m.Header)
	c.current = m.Path
	if err != nil || !m.IsRegular() || m.Link != "" {
		return backup.Excerpt{}, err
	}
	return New().Wants(m.Path, m.Size), nil
}

func (c *collector) Content(p []byte, done bool) error {
	c.kept[c.current] = append(c.kept[c.current], p...)
	return nil
}

func (c *collector) Point(*gzseek.Point) error { return nil }

// packed describes what the system's tar makes of a small account, packed by the script.
func packed(t *testing.T, script string) (*tree.Tree, func(string) ([]byte, error)) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"cp/alice": "DNS=example.com\n", "homedir/public_html/index.php": "<?php", "homedir/mail/cur/1": "x",
		"homedir/mail/example.com/info/cur/1": "Subject: x\n", "homedir/etc/example.com/passwd": "info:x:1001:1002::/:/\n",
		"mysql/alice_wp.sql": "-- dump\n", "mysql.sql": "GRANT USAGE ON *.* TO 'alice'@'localhost';\n",
		"userdata/main": "main_domain: example.com\n", "proftpdpasswd": "alice:x:1001:1002::/:/\n",
	} {
		file := filepath.Join(dir, "alice", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-ec", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	store := treetest.NewStore()
	c := &collector{builder: tree.NewBuilder(store, backup.Entry{}), kept: make(map[string][]byte)}
	o := archive.Options{Gzip: bytes.HasPrefix(data, []byte{0x1f, 0x8b}),
		Nested: func(path string) bool { return strings.HasSuffix("/"+path, "/homedir.tar") }}
	if r, err := archive.Scan(context.Background(), bytes.NewReader(data), c, o); err != nil || r.Status != backup.Complete {
		t.Fatalf("scan: %+v, %v", r, err)
	}
	root, err := c.builder.Finish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return tree.New(store, root, tree.NewCache(1<<20)), func(path string) ([]byte, error) {
		if content, ok := c.kept[path]; ok {
			return content, nil
		}
		return nil, fs.ErrNotExist
	}
}

//check:without needs pigz
func TestArchivesOfTarAreCutIntoParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, full, home string }{
		{"scheduled", "tar -czf out alice", "alice", "alice/homedir"},
		{"dots", "tar -C alice -cf out .", "", "homedir"},
		{"cpmove", "tar --format=pax -czf out --transform 's,^alice,cpmove-alice,' alice", "cpmove-alice", "cpmove-alice/homedir"},
		{"homedir.tar", "tar -C alice/homedir -cf alice/homedir.tar .; rm -r alice/homedir; tar -czf out ./alice",
			"alice", "alice/homedir.tar\x00"},
		{"homedir.tar at the top", "tar -C alice/homedir -cf alice/homedir.tar public_html mail etc; rm -r alice/homedir; tar -C alice -cf out .",
			"", "homedir.tar\x00"},
		{"files only", "cd alice; find . -type f | tar -cf ../out -T -", "", "homedir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, read := packed(t, c.script)
			d, err := New().Describe(context.Background(), &backup.Source{Account: "x", Loose: true}, tr, read)
			if err != nil {
				t.Fatal(err)
			}
			checkParts(t, tr, d.Parts)
			if d.Account != "alice" || d.Status != "" || d.Parts.Full != c.full {
				t.Errorf("account %q, status %q %q, full %q", d.Account, d.Status, d.Detail, d.Parts.Full)
			}
			if d.Owner == nil || d.Owner.UID != 1001 || d.Owner.GID != 1002 {
				t.Errorf("owner %v", d.Owner)
			}
			for path, from := range map[string]string{"files": c.home, "email/example.com/info": c.home + "/mail/example.com/info",
				"email/alice/cur": c.home + "/mail/cur", "databases/alice_wp.sql": join(c.full, "mysql/alice_wp.sql"),
				"database-users/alice.sql": ""} {
				if g, ok := d.Parts.Find(path); !ok || g.From != from {
					t.Errorf("%s: %q, %v, want %q", path, g.From, ok, from)
				}
			}
			if d.Counts[backup.Email] != 2 || d.Counts[backup.Domains] != 1 || d.Counts[backup.FTP] != 1 || d.Counts[backup.DatabaseUsers] != 1 {
				t.Errorf("counts %v", d.Counts)
			}
		})
	}
}
