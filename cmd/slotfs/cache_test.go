package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"slotfs/cmd/internal/service/api"
)

func TestCacheIsWhereAndAsLargeAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backup("alice", "2026-01-04")
	w.must(0, w.addArgs("offsite")...)
	w.must(0, "index")
	written, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.dir, "cache")
	configure := func(text string) {
		t.Helper()
		if err := os.WriteFile(w.config, append([]byte(text), written...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	limit := func(args ...string) (limit int64) {
		t.Helper()
		w.must(0, append([]string{"mount", w.mnt}, args...)...)
		var r api.Report
		if err := json.Unmarshal([]byte(w.must(0, "status", "--json").out), &r); err != nil {
			t.Error(err)
		} else if r.Cache != nil {
			limit = r.Cache.Limit
		}
		w.must(0, "umount", w.mnt)
		return limit
	}
	configure("[cache]\nsize = \"80MiB\"\ndirectory = \"" + dir + "\"\n")
	if got := limit(); got != 80<<20 {
		t.Errorf("a cache of %d bytes", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		t.Errorf("it is elsewhere: %v", err)
	}
	if got := limit("--cache-size", "70MiB"); got != 70<<20 {
		t.Errorf("%d bytes although the command line says 70 MiB", got)
	}
	if got := limit("-o", "cache_size=0"); got != 0 {
		t.Errorf("%d bytes although the command line says none", got)
	}
	configure("[cache]\ndirectory = \"" + w.store + "\"\n")
	w.refused(2, "holds files of others", "mount", w.mnt)
	configure("[cache]\ndirectory = \"" + filepath.Join(w.mnt, "cache") + "\"\n")
	w.refused(2, "not apart from the mountpoint", "mount", w.mnt)
	configure("[cache]\nsize = \"1MiB\"\n")
	w.refused(2, "slotfs.toml:2: cache size", "mount", w.mnt)
}
