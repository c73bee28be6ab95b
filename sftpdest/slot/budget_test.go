package slot

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestRunsSideBySideShareTheBandwidth(t *testing.T) {
	const rate, files, size = 100 << 10, 10, 4096
	accounts := []*account{newAccount(t), newAccount(t), newAccount(t)}
	for _, a := range accounts {
		for i := range files {
			a.file(fmt.Sprint(i), strings.Repeat("x", size), i)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		began, budget := time.Now(), NewBudget(rate)
		var g errgroup.Group
		for _, a := range accounts {
			g.Go(func() error {
				o := options(2)
				o.Budget = budget
				_, err := a.run(t.Context(), newMemory(), o)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		// The first file waits for nothing.
		want := time.Duration((len(accounts)*files-1)*size) * time.Second / rate
		if took := time.Since(began); took < want {
			t.Errorf("took %v, at least %v is what the limit wants", took, want)
		}
	})
}
