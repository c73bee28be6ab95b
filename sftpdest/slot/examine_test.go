package slot

import (
	"context"
	"fmt"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/sftpdest/slot/spool"
	"slotfs/sftpdest/slot/store"
)

// inSlot is what the data of a slot really has, read plainly.
func inSlot(ctx context.Context, d dest.ReadWriter, slot string) (map[string]string, error) {
	all := map[string]string{"": "dir"}
	for p, err := range store.Walk(ctx, d, slot+"/data", nil) {
		if err != nil {
			return nil, err
		}
		full := slot + "/data/" + p.Path
		switch p.Info.Mode & backup.ModeType {
		case backup.ModeDir:
			all[p.Path] = "dir"
		case backup.ModeSymlink:
			target, err := d.ReadLink(ctx, full)
			if err != nil {
				return nil, err
			}
			all[p.Path] = "-> " + target
		default:
			hash, err := store.Hash(ctx, d, full, p.Info.Size)
			if err != nil {
				return nil, err
			}
			all[p.Path] = hash
		}
	}
	return all, nil
}

// claimed is what the manifest of a slot says.
func claimed(ctx context.Context, d dest.ReadWriter, s *Slot) (map[string]string, error) {
	list, err := spool.Fetch(ctx, d, s.Path, s.State.Manifest)
	if err != nil {
		return nil, err
	}
	defer list.Close()
	e, err := spool.Open(list)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	all := make(map[string]string)
	for ; e.Head != nil; e.Advance() {
		switch {
		case e.Head.IsDir():
			all[e.Head.Path] = "dir"
		case e.Head.IsSymlink():
			all[e.Head.Path] = "-> " + e.Head.Target
		case e.Head.IsRegular():
			all[e.Head.Path] = e.Head.Hash
		}
	}
	return all, e.Err
}

// differences tells what is not the same.
func differences(got, want map[string]string) (out []string) {
	for p, w := range want {
		if g := got[p]; g != w {
			out = append(out, fmt.Sprintf("%q is %.20q, want %.20q", p, g, w))
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			out = append(out, fmt.Sprintf("%q is there", p))
		}
	}
	return out
}

// history is what the source was when each generation was made.
type history map[uint64]map[string]string

// examine holds all complete slots to what they claim and to what the source was; now is what generations have that
// the history does not know. It returns how many slots are complete.
func examine(ctx context.Context, d dest.ReadWriter, directory string, past history, now map[string]string) (complete int, _ error) {
	slots, err := List(ctx, d, directory)
	if err != nil {
		return 0, err
	}
	open := 0
	for i := range slots {
		s := &slots[i]
		if !s.Complete() {
			open++
			continue
		}
		complete++
		want := past[s.State.Gen]
		if want == nil {
			want = now
		}
		if err := examineSlot(ctx, d, s, want); err != nil {
			return 0, err
		}
	}
	if open > 1 {
		return 0, fmt.Errorf("%d slots are not complete", open)
	}
	return complete, nil
}

// examineSlot holds a complete slot to what it claims and to what it has to have.
func examineSlot(ctx context.Context, d dest.ReadWriter, s *Slot, want map[string]string) error {
	says, err := claimed(ctx, d, s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	if d := differences(says, want); d != nil {
		return fmt.Errorf("%s, generation %d: the manifest is wrong: %v", s.Path, s.State.Gen, d)
	}
	has, err := inSlot(ctx, d, s.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Path, err)
	}
	if d := differences(has, want); d != nil {
		return fmt.Errorf("%s, generation %d: the data is wrong: %v", s.Path, s.State.Gen, d)
	}
	return nil
}
