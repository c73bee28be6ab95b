package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// list writes a list of members.
func list(t testing.TB, all ...Member) []byte {
	t.Helper()
	var m Members
	for _, one := range all {
		m.Add(one)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestMembersComeBackAsTheyWereWritten(t *testing.T) {
	text := bytes.Repeat([]byte("0123456789"), SumBlock/4)
	want := []Member{{Size: 20, Length: 1, Sums: Sums([]byte("x"))}, {Size: 400, Length: int64(len(text)), Sums: Sums(text)}}
	var got []Member
	err := DecodeMembers(list(t, want...), func(m Member) error { got = append(got, m); return nil })
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestMembersThatCannotBeAreRefused(t *testing.T) {
	good := Member{Size: 20, Length: 1, Sums: []uint32{1}}
	for name, bad := range map[string]Member{
		"empty": {Size: 20}, "without bytes": {Length: 1, Sums: []uint32{1}}, "without sums": {Size: 20, Length: 1},
		"huge": {Size: 20, Length: maxMember + 1, Sums: make([]uint32, maxMember/SumBlock+1)}, "negative": {Size: -1, Length: -1},
	} {
		if err := DecodeMembers(list(t, good, bad), func(Member) error { return nil }); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzMembers(f *testing.F) {
	f.Add(list(f, Member{Size: 20, Length: 1, Sums: []uint32{1}}))
	f.Add([]byte{})
	f.Add(list(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = DecodeMembers(data, func(m Member) error {
			if m.Size < 1 || m.Length < 1 || int64(len(m.Sums)) != (m.Length+SumBlock-1)/SumBlock {
				t.Errorf("%+v", m)
			}
			return nil
		})
	})
}
