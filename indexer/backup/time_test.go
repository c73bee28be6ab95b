package backup

import (
	"encoding/json"
	"math"
	"testing"
)

func TestEntriesKeepAnyTimeThatFilesHave(t *testing.T) {
	for _, sec := range []int64{0, -1, 1_700_000_000, MinNanoSeconds, MinNanoSeconds - 1, MaxNanoSeconds, MaxNanoSeconds + 1, 20_000_000_000, -MaxSeconds, MaxSeconds} {
		for _, nsec := range []int32{0, 1, 999_999_999} {
			e, want := Entry{MTime: 5, Far: 7}, Time{sec, nsec}
			e.SetTime(want)
			if got := e.Time(); got != want || (e.Far != 0) != (sec < MinNanoSeconds || sec > MaxNanoSeconds) {
				t.Errorf("%v became %v, far %d", want, got, e.Far)
			}
		}
	}
	e := Entry{}
	e.SetTime(Time{Sec: math.MaxInt64})
	if e.Far != MaxSeconds {
		t.Errorf("a time that cannot be told became %d", e.Far)
	}
}

func TestTimesInJSON(t *testing.T) {
	for text, want := range map[string]Time{
		`"1970-01-01T00:00:00Z"`:            {},
		`"1969-12-31T23:59:59.9Z"`:          {-1, 900_000_000},
		`"2603-10-11T11:33:20.25Z"`:         {20_000_000_000, 250_000_000},
		`"9999-12-31T23:59:59Z"`:            {253_402_300_799, 0},
		`"+10000-01-01T00:00:00Z"`:          {253_402_300_800, 0},
		`"-0001-12-31T23:59:59.000000001Z"`: {-62_167_219_201, 1},
		`"+292277024627-12-06T15:30:07Z"`:   {MaxSeconds, 0},
	} {
		got, err := json.Marshal(want)
		if err != nil || string(got) != text {
			t.Errorf("%v is written as %s, %v, want %s", want, got, err, text)
		}
		var back Time
		if err := json.Unmarshal([]byte(text), &back); err != nil || back != want {
			t.Errorf("%s is read as %v, %v", text, back, err)
		}
	}
	for _, text := range []string{`"+"`, `"+x-01-01T00:00:00Z"`, `"+12000-13-01T00:00:00Z"`, `5`, `"tomorrow"`, `"-"`} {
		if err := json.Unmarshal([]byte(text), new(Time)); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}
