package manifest

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func goodState() *State {
	return &State{Format: Format, Slot: 3, Gen: 17, Phase: Complete, Mode: Incremental, Run: "5f3a", Epoch: 2,
		Started:  time.Date(2026, 1, 5, 2, 0, 0, 123, time.UTC),
		Finished: time.Date(2026, 1, 5, 2, 9, 0, 0, time.UTC), BaseGen: 14,
		Manifest:   &File{Name: Name(17), Size: 99, SHA256: strings.Repeat("ab", 32), Entries: 5, Bytes: 1 << 40},
		Durability: "fsync", Host: "srv1", Account: "älice", Job: "nightly", Tool: "slotfs 1.0", Pinned: true}
}

func TestStateComesBackAsItWasWritten(t *testing.T) {
	want := goodState()
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeState(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestStateWithLocalTimesAndNoFormatIsWrittenInUTC(t *testing.T) {
	s := goodState()
	s.Format, s.Started = 0, time.Now().In(time.FixedZone("far", 5*3600))
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeState(text)
	if err != nil || !got.Started.Equal(s.Started) || got.Format != Format {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestStatesThatFollowEachOtherDifferInLength(t *testing.T) {
	s, seen := goodState(), make(map[int]bool)
	for range 4 {
		for _, phase := range []Phase{Updating, Complete} {
			s.Phase = phase
			text, err := s.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if seen[len(text)%lengths] {
				t.Errorf("epoch %d, %s: another state is of %d bytes modulo %d too", s.Epoch, phase, len(text)%lengths, lengths)
			}
			seen[len(text)%lengths] = true
			if _, err := DecodeState(text); err != nil {
				t.Error(err)
			}
			bare := append(bytes.Clone(bytes.TrimRight(text, " \n")), '\n')
			if _, err := DecodeState(bare); (err == nil) != (len(bare) == len(text)) {
				t.Errorf("%d of %d bytes: %v", len(bare), len(text), err)
			}
		}
		s.Epoch++
	}
}

func TestEveryFlippedBitOfAStateIsNoticed(t *testing.T) {
	text, err := goodState().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for bit := range 8 {
			damaged := bytes.Clone(text)
			damaged[i] ^= 1 << bit
			if got, err := DecodeState(damaged); err == nil {
				t.Fatalf("byte %d, bit %d: %+v", i, bit, got)
			}
		}
		if got, err := DecodeState(text[:i]); err == nil {
			t.Fatalf("cut at %d: %+v", i, got)
		}
	}
}

func TestStatesThatCannotBeAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*State){
		"another format":     func(s *State) { s.Format = 2 },
		"no slot":            func(s *State) { s.Slot = 0 },
		"high slot":          func(s *State) { s.Slot = 1001 },
		"no phase":           func(s *State) { s.Phase = "" },
		"no mode":            func(s *State) { s.Mode = "zip" },
		"no manifest":        func(s *State) { s.Manifest = nil },
		"manifest elsewhere": func(s *State) { s.Manifest.Name = "../state.json" },
		"manifest unnamed":   func(s *State) { s.Manifest.Name = "" },
		"no hash":            func(s *State) { s.Manifest.SHA256 = "" },
		"negative size":      func(s *State) { s.Manifest.Size = -1 },
		"durability":         func(s *State) { s.Durability = "maybe" },
		"raw account":        func(s *State) { s.Account = "\xff" },
		"too long":           func(s *State) { s.Host = strings.Repeat("h", 4000) },
	} {
		s := goodState()
		spoil(s)
		if text, err := s.Encode(); err == nil {
			t.Errorf("%s: written as %s", name, text)
		}
	}
}

func TestStateOfAnotherFormatSaysSo(t *testing.T) {
	_, err := DecodeState([]byte(`{"format":2,"shape":"unheard of"}`))
	if err == nil || !strings.Contains(err.Error(), "format 2 is unknown") {
		t.Error(err)
	}
}

func TestNamesOfFilesInMetaAreReadBack(t *testing.T) {
	for _, gen := range []uint64{0, 17, 999999, 1000000, 1<<64 - 1} {
		if got, ok := ParseName(Name(gen)); !ok || got != gen {
			t.Errorf("%s: %d, %v", Name(gen), got, ok)
		}
		if g, seq, ok := ParseJournalName(JournalName(gen, gen)); !ok || g != gen || seq != gen {
			t.Errorf("%s: %d, %d, %v", JournalName(gen, gen), g, seq, ok)
		}
	}
	for _, name := range []string{"", "manifest.g17.jsonl.zst", "manifest.g000017", "000017", "journal.g000001", "manifest.g+00017.jsonl.zst"} {
		if _, ok := ParseName(name); ok {
			t.Errorf("%q taken for a manifest", name)
		}
		if _, _, ok := ParseJournalName(name); ok {
			t.Errorf("%q taken for a journal", name)
		}
	}
	if Name(17) != "manifest.g000017.jsonl.zst" || JournalName(18, 3) != "journal.g000018.000003" {
		t.Error(Name(17), JournalName(18, 3))
	}
}

func FuzzDecodeState(f *testing.F) {
	text, err := goodState().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{"format":1,"slot":1,"phase":"filling","mode":"compressed","check":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeState(data)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q, %v", data, again, err)
		}
	})
}
