package slot

import (
	"strings"
	"testing"
)

// donorCorrupt is an account with two slots, of which the first one has two files that are not what was backed up.
func donorCorrupt(t *testing.T) (*account, *memory, Options) {
	t.Helper()
	a, server, o := newAccount(t), newMemory(), options(2)
	o.Fill = FillUpload
	a.edit(1)
	a.mustRun(server, o)
	a.mustRun(server, o)
	for path, content := range map[string]string{"mail/\xff\xfe": "not utf-8", "large": strings.Repeat("x", 9600)} {
		damaged, err := server.find("job/alice/slot-01/data/" + path)
		a.check(err)
		damaged.data = []byte(content)
	}
	found, err := Verify(t.Context(), server, o.Directory, 1, VerifyOptions{Sample: 1, Repair: true})
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	return a, server, o
}

func TestRepairSendsOnlyWhatIsDamaged(t *testing.T) {
	a, server, o := donorCorrupt(t)
	if sum := a.mustRun(server, o); sum.Slot != 1 || sum.Uploaded != 2 || sum.Copied != 0 {
		t.Errorf("%+v", sum)
	}
	a.holdsAll(server, o, 2, 1)
}

func TestRepairThatIsInterruptedTrustsNothingAfterwards(t *testing.T) {
	t.Parallel()
	a, damaged, o := donorCorrupt(t)
	whole := damaged.clone()
	a.mustRun(whole, o)
	for k := 1; k <= whole.ops; k += 3 {
		server := damaged.clone()
		server.killAt = k
		_, _ = a.run(t.Context(), server, o)
		server.dead, server.killAt = false, 0
		server.now += 3600
		sum := a.mustRun(server, o)
		if found, err := Verify(t.Context(), server, o.Directory, sum.Slot, VerifyOptions{Sample: 1}); err != nil || found != nil {
			t.Fatalf("killed at operation %d: slot %d: %v, %v", k, sum.Slot, found, err)
		}
		if t.Failed() {
			return
		}
	}
}

// shift moves the times of all files of a slot.
func (m *memory) shift(t *testing.T, slot string, by int64) {
	t.Helper()
	top, err := m.find(slot + "/data")
	if err != nil {
		t.Fatal(err)
	}
	var all func(n *node)
	all = func(n *node) {
		n.mtime += by
		for _, child := range n.children {
			all(child)
		}
	}
	all(top)
}

func TestLostTimesAreNoDamageAndComeBackWithoutSending(t *testing.T) {
	a, server, o := donorCorrupt(t)
	server.shift(t, "job/alice/slot-01", 3600)
	server.shift(t, "job/alice/slot-02", 3600)
	if found, err := Verify(t.Context(), server, o.Directory, 2, VerifyOptions{Sample: 1, Repair: true}); err != nil || found != nil {
		t.Errorf("slot 2: %v, %v", found, err)
	}
	if sum := a.mustRun(server, o); sum.Slot != 1 || sum.Uploaded != 2 {
		t.Errorf("%+v", sum)
	}
	page, err := server.find("job/alice/slot-01/data/public_html/deep/er/page")
	if err != nil || page.mtime != when(3).Unix() {
		t.Errorf("%v: time %d, want %d", err, page.mtime, when(3).Unix())
	}
}
