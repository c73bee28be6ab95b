package slot

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"slotfs/indexer/dest/desttest"
	"slotfs/indexer/manifest"
	"slotfs/sftpdest"
	"slotfs/sftpdest/sshdtest"
)

// Some servers let a handful of files be open, or one. Who has one open must not wait for one more for ever.
func TestServerThatLetsFewFilesBeOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		handles, connections int
		mode                 manifest.Mode
	}{
		{1, 1, manifest.Incremental}, {1, 2, manifest.Incremental}, {2, 1, manifest.Incremental}, {3, 2, manifest.Incremental},
		{1, 1, manifest.Compressed}, {2, 1, manifest.Compressed},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			root := served(t)
			l, err := sshdtest.StartLocal(sshdtest.LocalOptions{Password: "secret", MaxSessions: 1, Serve: sshdtest.FewHandles(c.handles, "/")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			d, err := sftpdest.New(sftpdest.Settings{Host: l.Host, Port: l.Port, Username: "u", Password: "secret", HostKeys: l.HostKeys, Directory: root,
				MaxRetries: 3, MaxConnections: c.connections}, sftpdest.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			budget := NewBudget(0)
			var g errgroup.Group
			for i := range 4 {
				a := newAccount(t)
				a.edit(1)
				for n := range 2 {
					a.file(fmt.Sprintf("wide/%d", n), string(desttest.Content(3<<20)), 100+n)
				}
				o := options(2)
				o.Mode, o.Lanes, o.Budget = c.mode, 16, budget
				o.Account = fmt.Sprint("a", i)
				o.Directory = "job/" + o.Account
				g.Go(func() error {
					for range 2 {
						if _, err := a.run(t.Context(), d, o); err != nil {
							return err
						}
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
			for i := range 4 {
				for slot := 1; slot <= 2; slot++ {
					diffs, err := Verify(t.Context(), d, fmt.Sprint("job/a", i), slot, VerifyOptions{Sample: 1})
					if err != nil || len(diffs) > 0 {
						t.Errorf("%v, %v", diffs, err)
					}
				}
			}
		})
	}
}
