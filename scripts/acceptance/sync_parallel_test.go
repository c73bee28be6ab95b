package acceptance

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// meeting is a command that ends when n accounts are in it at once, or fails after a while.
func meeting(t *testing.T, n int) string {
	return fmt.Sprintf(`cd %s && touch "$SLOTFS_ACCOUNT"; for i in $(seq 6000); do [ $(ls | wc -l) -ge %d ] && exit 0; sleep 0.1; done; exit 1`, t.TempDir(), n)
}

func TestAccountsAreBackedUpSideBySide(t *testing.T) {
	t.Parallel()
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank"}
	b := newBackups(t, newHost(t), "--parallel-accounts", "3", "--before", meeting(t, 3))
	for _, name := range names {
		b.newAccount(name)
	}
	b.mount()
	b.sync(0)
	nextSecond()
	run(t, `rm -r "$1/erin"; mkdir "$1/erin"`, b.home)
	var results []struct {
		Account string
		Code    int
	}
	r := b.sync(3, "--json")
	if err := json.Unmarshal([]byte(r.stdout), &results); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, r.Account)
		if (r.Code == 0) == (r.Account == "erin") {
			t.Errorf("%s ended with %d", r.Account, r.Code)
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("accounts %v", got)
	}
	if n := strings.Count(r.stderr, "nightly/erin: "); n != 1 {
		t.Errorf("erin's failure was told %d times:\n%s", n, r.stderr)
	}
	b.checkBySFTP(11)
	b.checkByMount(true) // the running mount was told of all of them
	b.must("verify", "nightly", "--full")
}

// A server that is not there is one error, not one for each account.
func TestServerThatIsNotThereIsToldOnce(t *testing.T) {
	t.Parallel()
	b := newBackups(t, newHost(t))
	run(t, `for i in $(seq 9); do mkdir "$1/a$i"; echo x >"$1/a$i/x"; done`, b.home)
	b.configure("destination.box", "max-retries = 1")
	run(t, `sed -i 's/^port = .*/port = 1/' "$1"`, filepath.Join(b.work, "slotfs.toml"))
	r := b.slotfs("sync", "--quiet")
	if r.code != 5 || strings.Count(r.stderr, "connection refused") != 1 || !strings.Contains(r.stderr, "9 accounts left out: ") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
}
