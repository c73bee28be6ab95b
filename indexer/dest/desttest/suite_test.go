package desttest_test

import (
	"testing"

	"slotfs/indexer/dest"
	"slotfs/indexer/dest/desttest"
)

//check:without it takes seconds
func TestFolderIsADestination(t *testing.T) {
	desttest.Suite(t, func(_ testing.TB, root string) dest.Destination { return desttest.Dir(root) })
}

//check:without it takes seconds
func TestFolderCanBeChanged(t *testing.T) {
	desttest.WriteSuite(t, func(_ testing.TB, root string) dest.ReadWriter {
		return desttest.Dir(root)
	})
}
