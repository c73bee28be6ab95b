package upload

import (
	"strings"
	"testing"
)

func FuzzMark(f *testing.F) {
	f.Add([]byte(`{"size":9,"mtime":1,"ctime":2,"inode":3,"temp":"0123-4","done":5,"path":"YQ=="}`))
	f.Add([]byte(`{"size":9,"temp":"../../state.json","done":5,"path":"YQ=="}`))
	f.Add([]byte(`{"size":-1,"temp":"x","done":9223372036854775807}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, ok := parsePart(text)
		if ok && (m.Done > m.Size || m.Temp == "" || strings.Contains(m.Temp, "/") || m.Temp == "..") {
			t.Errorf("%+v", m)
		}
	})
}
