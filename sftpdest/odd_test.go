package sftpdest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest/sshdtest"
	"slotfs/sftpdest/wire"
)

// oddDest is a destination on a server with oddities.
func oddDest(t testing.TB, root string, o sshdtest.Oddities) *Destination {
	t.Helper()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret, Serve: sshdtest.Odd("/", o)})
	s := localSettings(l)
	s.Password, s.Directory, s.MaxConnections = secret, root, 2
	return newDest(t, s, Options{})
}

func TestOddServersCanBeChanged(t *testing.T) {
	t.Parallel()
	rename := []string{wire.PosixRenameExtension}
	for name, c := range map[string]struct {
		odd    sshdtest.Oddities
		traits []desttest.Trait
	}{
		"nothing":                        {},
		"taken is 11":                    {odd: sshdtest.Oddities{Exists: wire.StatusExists}},
		"missing is FAILURE":             {odd: sshdtest.Oddities{Missing: 4}},
		"missing is 10":                  {odd: sshdtest.Oddities{Missing: wire.StatusNoSuchPath}},
		"missing is a code of its own":   {odd: sshdtest.Oddities{Missing: 99}},
		"both are codes of their own":    {odd: sshdtest.Oddities{Missing: 4, Exists: 77}},
		"no posix-rename":                {sshdtest.Oddities{Without: rename}, []desttest.Trait{desttest.NoReplace}},
		"posix-rename that is refused":   {sshdtest.Oddities{Refused: rename}, []desttest.Trait{desttest.NoReplace}},
		"no posix-rename, vague":         {sshdtest.Oddities{Without: rename, Missing: 4, Exists: 11}, []desttest.Trait{desttest.NoReplace}},
		"one handle":                     {odd: sshdtest.Oddities{Handles: 1}},
		"two handles":                    {odd: sshdtest.Oddities{Handles: 2}},
		"one handle, missing is FAILURE": {odd: sshdtest.Oddities{Handles: 1, Missing: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			desttest.WriteSuite(t, func(t testing.TB, root string) dest.ReadWriter { return oddDest(t, root, c.odd) }, c.traits...)
		})
	}
}

func TestOddServersAreDestinations(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sshdtest.Oddities{
		"missing is FAILURE": {Missing: 4}, "missing is 10": {Missing: 10}, "two handles": {Handles: 2},
	} {
		t.Run(name, func(t *testing.T) {
			desttest.Suite(t, func(t testing.TB, root string) dest.Destination { return oddDest(t, root, o) }, desttest.AsRoot)
		})
	}
}

func TestSizeIsSetByWritingWhereTheServerSetsNone(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]sshdtest.Oddities{
		"ignored": {SizeIgnored: true}, "refused": {SizeRefused: 3}, "unsupported": {SizeRefused: 8}, "failure": {SizeRefused: 4},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			d := oddDest(t, root, o)
			file := filepath.Join(root, "f")
			if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
				t.Fatal(err)
			}
			long, short, when, mode := int64(3<<20), int64(4), int64(1_000_000_000), uint32(0o640)
			if err := d.SetAttributes(t.Context(), "f", dest.Attributes{Size: &long, MTime: &when, Permissions: &mode}); err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil || info.Size() != long || info.ModTime().Unix() != when || info.Mode().Perm() != 0o640 {
				t.Errorf("%v, %v", info, err)
			}
			if err := d.SetAttributes(t.Context(), "f", dest.Attributes{Size: &short}); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("a file was shortened: %v", err)
			}
			if err := d.SetAttributes(t.Context(), "missing", dest.Attributes{Size: &short}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a missing file: %v", err)
			}
		})
	}
}

func TestFilesAreMadeWithoutPermissionsWhereTheServerRefusesThem(t *testing.T) {
	t.Parallel()
	for _, status := range []uint32{3, 4, 8} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			root := t.TempDir()
			d := oddDest(t, root, sshdtest.Oddities{ModeRefused: status})
			if err := d.Mkdir(t.Context(), "dir", 0o700); err != nil {
				t.Error(err)
			}
			if _, err := d.Put(t.Context(), "dir/put", []byte("x"), dest.Attributes{}, false); err != nil {
				t.Error(err)
			}
			o, err := d.Create(t.Context(), "dir/created", dest.Create{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := o.WriteAt(t.Context(), []byte("y"), 0); err != nil {
				t.Error(err)
			}
			if err := o.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := d.Create(t.Context(), "dir/put", dest.Create{}); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a file was made twice: %v", err)
			}
		})
	}
}
