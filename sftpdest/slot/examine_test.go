package slot

import (
	"context"
	"fmt"

	"slotfs/indexer/backup"
)

// inSlot is what the data of a slot really has, read plainly.
func inSlot(ctx context.Context, store Store, slot string) (map[string]string, error) {
	all := map[string]string{"": "dir"}
	r := newRemote(store, NewBudget(0))
	for p, err := range walkRemote(ctx, store, slot+"/data") {
		if err != nil {
			return nil, err
		}
		full := slot + "/data/" + p.path
		switch p.info.Mode & backup.ModeType {
		case backup.ModeDir:
			all[p.path] = "dir"
		case backup.ModeSymlink:
			target, err := store.ReadLink(ctx, full)
			if err != nil {
				return nil, err
			}
			all[p.path] = "-> " + target
		default:
			hash, err := r.remoteHash(ctx, full, p.info.Size)
			if err != nil {
				return nil, err
			}
			all[p.path] = hash
		}
	}
	return all, nil
}

// claimed is what the manifest of a slot says.
func claimed(ctx context.Context, store Store, s *Slot) (map[string]string, error) {
	spool, err := fetchManifest(ctx, store, s.Path, s.State.Manifest)
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	e, err := openEntries(spool)
	if err != nil {
		return nil, err
	}
	defer e.close()
	all := make(map[string]string)
	for ; e.head != nil; e.advance() {
		switch {
		case e.head.IsDir():
			all[e.head.Path] = "dir"
		case e.head.IsSymlink():
			all[e.head.Path] = "-> " + e.head.Target
		case e.head.IsRegular():
			all[e.head.Path] = e.head.Hash
		}
	}
	return all, e.err
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
func examine(ctx context.Context, store Store, folder string, past history, now map[string]string) (complete int, _ error) {
	slots, err := List(ctx, store, folder)
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
		says, err := claimed(ctx, store, s)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.Path, err)
		}
		if d := differences(says, want); d != nil {
			return 0, fmt.Errorf("%s, generation %d: the manifest is wrong: %v", s.Path, s.State.Gen, d)
		}
		has, err := inSlot(ctx, store, s.Path)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.Path, err)
		}
		if d := differences(has, want); d != nil {
			return 0, fmt.Errorf("%s, generation %d: the data is wrong: %v", s.Path, s.State.Gen, d)
		}
	}
	if open > 1 {
		return 0, fmt.Errorf("%d slots are not complete", open)
	}
	return complete, nil
}
