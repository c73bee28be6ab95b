package content

import "testing"

// TestWhatIsAheadIsAskedForSomeAtATime reads 4 KiB after 4 KiB, with 1 MiB wanted ahead of each.
func TestWhatIsAheadIsAskedForSomeAtATime(t *testing.T) {
	const step, ahead, total = 4 << 10, 1 << 20, 8 << 20
	var r readers
	asked, times := int64(0), 0
	for off := int64(0); off < total; off += step {
		r.next(off, off+step, ahead)
		from, to := r.due(off+step, ahead)
		if from >= to {
			if asked < off+step+ahead-ahead/8 {
				t.Fatalf("at %d only what is before %d was asked for", off, asked)
			}
			continue
		}
		if from > max(asked, off+step) || to != off+step+ahead {
			t.Fatalf("at %d asks from %d to %d, %d was asked for", off, from, to, asked)
		}
		asked, times = to, times+1
	}
	if most := total/(ahead/8) + 1; times > most {
		t.Errorf("asks %d times, more than %d", times, most)
	}

	// Who goes back far may find nothing in memory any more.
	r.next(step, 2*step, ahead)
	if from, to := r.due(2*step, ahead); from != 2*step || to != 2*step+ahead {
		t.Errorf("at the beginning again: asks from %d to %d", from, to)
	}
}
