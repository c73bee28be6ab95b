package slot

import (
	"os"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
	"slotfs/sftpdest"
	"slotfs/sftpdest/slot/lease"
	"slotfs/sftpdest/slot/store"
	"slotfs/sftpdest/sshdtest"
)

// dialProFTPD connects to a ProFTPD of its own that serves root.
func dialProFTPD(t testing.TB, start func(uid, gid int) (*sshdtest.ProFTPD, error), root string) *sftpdest.Destination {
	t.Helper()
	const nobody = 65534
	s, err := start(nobody, nobody)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	d, err := sftpdest.New(sftpdest.Settings{
		Host: s.Host, Port: s.Port, Username: s.Username, IdentityFile: s.Identity, HostKeys: s.HostKeys,
		Directory: root, MaxRetries: 3, MaxConnections: 4,
	}, sftpdest.Options{Backoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestProFTPDIsBackedUpTo(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(uid, gid int) (*sshdtest.ProFTPD, error){
		"as most have it": sshdtest.StartProFTPD, "without overwriting": sshdtest.StartStrictProFTPD,
	} {
		t.Run(name, func(t *testing.T) {
			a, d := newAccount(t), dialProFTPD(t, start, served(t))
			o := options(2)
			o.Lanes, o.tune.wide, o.tune.mark = 8, 2<<20, 1<<20
			for n := 1; n <= 4; n++ {
				a.edit(n)
				a.file("big", string(desttest.Content(5<<20+n)), 300+n)
				if n <= 2 {
					a.check(os.Remove(a.path("public_html/link"))) // its targets become absolute
				}
				sum := a.mustRun(d, o)
				a.holdsAll(d, o, min(n, 2), sum.Slot)
				if n == 1 {
					a.check(os.Symlink("x", a.path("public_html/link")))
				}
			}
			a.refreshes(d, o)
			release, err := Hold(t.Context(), d, o.Directory, 1)
			a.check(err)
			a.check(release(t.Context()))
		})
	}
}

// refreshes fails unless a lease can be written again.
func (a *account) refreshes(d dest.ReadWriter, o Options) {
	a.t.Helper()
	o, err := o.withDefaults()
	a.check(err)
	l, err := lease.Acquire(a.t.Context(), store.New(d, o.Budget), o.Directory, o.leases())
	a.check(err)
	a.check(l.Refresh(a.t.Context()))
	l.Release(a.t.Context())
	left, err := d.List(a.t.Context(), o.Directory)
	a.check(err)
	for _, info := range left {
		if !store.IsDir(info.Mode) {
			a.t.Errorf("%s is left", info.Name)
		}
	}
}
