package fs

import (
	"context"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"

	"slotfs/indexer/backup"
	"slotfs/indexer/tree"
)

// late is content that is proven at its end, or not.
type late struct {
	scripted
	late bool
}

func (l late) Open(context.Context, *backup.Snapshot, *tree.Tree, tree.Item) (File, error) {
	return l, nil
}

func (l late) ProvenAtEnd() bool { return l.late }

func TestKernelKeepsNothingThatWasNeverProven(t *testing.T) {
	for _, unproven := range []bool{false, true} {
		c := config(oneFile(t))
		c.Content = func(string) Content { return late{nil, unproven} }
		k := newKernel(t, c)
		var out fuse.OpenOut
		in := fuse.OpenIn{InHeader: fuse.InHeader{NodeId: k.walk(oneFilePath).NodeId}}
		if status := k.r.Open(nil, &in, &out); status != fuse.OK {
			t.Fatal(status)
		}
		if kept := out.OpenFlags&fuse.FOPEN_KEEP_CACHE != 0; kept == unproven {
			t.Errorf("proven at the end %v: kept from one opening to the next %v", unproven, kept)
		}
	}
}
