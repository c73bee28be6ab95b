package gzseek

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
)

// saved is a state and what had been handed out before it.
type saved struct {
	state        []byte
	points, data int
}

// hintEvery asks for a point at every n-th byte, as a tar reader would for large files.
func hintEvery(s *Scanner, n int64) func(from int64, p []byte) {
	return func(from int64, p []byte) {
		for off := (from + n - 1) / n * n; off < from+int64(len(p)); off += n {
			s.Hint(off + 5000) // may lie in the next write
		}
	}
}

func resumable(gz []byte, every, hints int64) (*record, []saved, error) {
	var states []saved
	rec := &record{}
	s := NewScanner(rec)
	configure := func(s *Scanner, rec *record) {
		s.chunk, s.Spacing, s.InputSpacing, s.Every = 8<<10, 100_000, 60_000, every
		rec.write = hintEvery(s, hints)
	}
	configure(s, rec)
	s.Save = func(state []byte) error {
		states = append(states, saved{state, len(rec.points), len(rec.data)})
		return nil
	}
	err := s.Run(context.Background(), bytes.NewReader(gz), nil)
	return rec, states, err
}

//check:without needs pigz
func TestResumeFromEveryStateGivesTheSamePointsAndOutput(t *testing.T) {
	data := mix(11, 700_000)
	noise := mix(12, 300_000)
	files := map[string][]byte{
		"cpanel":  compress(t, cpanel, data),
		"gzip":    compress(t, "gzip -6", data),
		"stored":  compress(t, "pigz -0", data),
		"zeros":   compress(t, "gzip -9", make([]byte, 4<<20)),
		"members": append(compress(t, "gzip -1", noise), append(compress(t, "gzip", nil), compress(t, "pigz -i -b 32", data)...)...),
	}
	small := []byte{}
	for i := 0; i+3000 < len(noise); i += 3000 {
		small = append(small, compress(t, "gzip", noise[i:i+3000])...)
	}
	files["small members"] = small
	for name, gz := range files {
		t.Run(name, func(t *testing.T) {
			want, states, err := resumable(gz, 9000, 70_000)
			if err != nil {
				t.Fatal(err)
			}
			if len(states) < 10 {
				t.Fatalf("only %d states", len(states))
			}
			checkPoints(t, gz, want)
			for _, st := range states {
				resumeAt(t, gz, st, want)
			}
		})
	}
}

func resumeAt(t *testing.T, gz []byte, st saved, want *record) {
	t.Helper()
	in, out, err := Start(st.state)
	if err != nil || out != int64(st.data) {
		t.Fatalf("Start: %d, %d, %v; want output %d", in, out, err, st.data)
	}
	rec := &record{data: append([]byte(nil), want.data[:st.data]...), points: append([]*Point(nil), want.points[:st.points]...)}
	s := NewScanner(rec)
	s.chunk, s.Spacing, s.InputSpacing, s.Every = 8<<10, 100_000, 60_000, 9000
	rec.write = hintEvery(s, 70_000)
	if err := s.Run(context.Background(), bytes.NewReader(gz[in:]), st.state); err != nil {
		t.Fatalf("from %d: %v", out, err)
	}
	if !bytes.Equal(rec.data, want.data) {
		t.Fatalf("from %d: %d of %d bytes right", out, common(rec.data, want.data), len(want.data))
	}
	if !reflect.DeepEqual(rec.points, want.points) {
		t.Fatalf("from %d: other points", out)
	}
	if s.Out() != int64(len(want.data)) || s.In() != int64(len(gz)) {
		t.Fatalf("came to %d, %d; want %d, %d", s.In(), s.Out(), len(gz), len(want.data))
	}
}

//check:without needs pigz
func TestDamagedStateIsRefused(t *testing.T) {
	gz := compress(t, cpanel, mix(11, 100_000))
	_, states, err := resumable(gz, 9000, 70_000)
	if err != nil {
		t.Fatal(err)
	}
	state := states[len(states)/2].state
	for i := 0; i < len(state); i += 7 {
		bad := bytes.Clone(state)
		bad[i] ^= 0x10
		if _, _, err := Start(bad); !errors.Is(err, errDamaged) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
	for i := 0; i < len(state); i += 11 {
		if _, _, err := Start(state[:i]); err == nil {
			t.Fatalf("%d bytes of state are accepted", i)
		}
	}
	s := NewScanner(&record{}) // chunks of another size would give other points
	if err := s.Run(context.Background(), bytes.NewReader(gz), state); !errors.Is(err, errDamaged) {
		t.Fatalf("state of another configuration: %v", err)
	}
}

func TestOtherVersionsAreRefused(t *testing.T) {
	if _, _, err := Start(seal([]byte{stateVersion + 1, 0, 0})); !errors.Is(err, errVersion) {
		t.Errorf("state: %v", err)
	}
	var p Point
	if err := p.UnmarshalBinary(seal([]byte{pointVersion + 1, 0, 0, 0, 0, 0})); !errors.Is(err, errVersion) {
		t.Errorf("point: %v", err)
	}
}
