package gzseek

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestPointsOfEveryCompressorDecodeToTheRightBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	contents := map[string][]byte{
		"mix": mix(1, 1<<20), "text": phpLike(r, 400_000), "zeros": make([]byte, 3<<20), "random": randomBytes(r, 300_000),
		"base64": mailLike(r, 300_000), "one": {'x'}, "empty": nil,
	}
	commands := []string{
		"gzip -1", "gzip -6", "gzip -9", "pigz", "pigz -i -b 32", "pigz -0", "pigz -b 64 -p 2", cpanel, "pigz -11 -I 1 -b 128",
	}
	for name, data := range contents {
		for _, command := range commands {
			if command == "pigz -11 -I 1 -b 128" && len(data) > 500_000 {
				continue
			}
			t.Run(name+"/"+command, func(t *testing.T) {
				gz := compress(t, command, data)
				rec, err := scan(t, gz, nil)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(rec.data, data) {
					t.Fatalf("decoded %d of %d bytes right", common(rec.data, data), len(data))
				}
				checkPoints(t, gz, rec)
			})
		}
	}
}
