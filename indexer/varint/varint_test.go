package varint

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func FuzzDecoder(f *testing.F) {
	all := AppendBytes(binary.AppendVarint(binary.AppendUvarint([]byte{7}, 1<<63), -5), "text")
	f.Add(all)
	f.Add(all[:len(all)-1])
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := Decoder{Rest: data}
		first, large, signed, text := d.Byte(), d.Uvarint(), d.Varint(), d.Bytes()
		if d.Failed {
			if d.Rest != nil || d.Byte() != 0 || d.Uvarint() != 0 || d.Varint() != 0 || d.Bytes() != nil {
				t.Error("values behind a failure")
			}
			return
		}
		read := len(data) - len(d.Rest)
		if again := AppendBytes(binary.AppendVarint(binary.AppendUvarint([]byte{first}, large), signed), text); len(again) > read {
			t.Errorf("%x was read of %x", again, data[:read])
		}
	})
}

func TestValuesComeBack(t *testing.T) {
	d := Decoder{Rest: AppendBytes(binary.AppendVarint(binary.AppendUvarint([]byte{7}, 1<<63), -5), "text")}
	if d.Byte() != 7 || d.Uvarint() != 1<<63 || d.Varint() != -5 || string(d.Bytes()) != "text" || d.Failed || len(d.Rest) != 0 {
		t.Errorf("%+v is left", d)
	}
}
