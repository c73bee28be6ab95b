package archive

import (
	"bytes"
	"fmt"
	"strings"
)

// packing is a way to pack an archive that is not read.
type packing struct {
	name    string
	magic   string   // its files begin with it; empty: not known
	endings []string // of names
	unpack  string   // the command that makes a .tar of it
}

var packings = []packing{
	{"zstd", "\x28\xb5\x2f\xfd", []string{".tar.zst", ".tzst"}, "zstd -d"},
	{"xz", "\xfd7zXZ\x00", []string{".tar.xz", ".txz"}, "xz -d"},
	{"bzip2", "BZh", []string{".tar.bz2", ".tbz2", ".tbz"}, "bzip2 -d"},
	{"lz4", "\x04\x22\x4d\x18", []string{".tar.lz4"}, "lz4 -d"},
	{"lzip", "LZIP", []string{".tar.lz", ".tlz"}, "lzip -d"},
	{"lzma", "\x5d\x00\x00", []string{".tar.lzma"}, "xz -d"},
	{"lzop", "\x89LZO", []string{".tar.lzo", ".tzo"}, "lzop -d"},
	{"compress", "\x1f\x9d", []string{".tar.Z", ".taz"}, "gzip -d"},
	{"gzip twice", "\x1f\x8b", []string{".tar.gz.gz", ".tgz.gz"}, "gzip -d"},
	{"GnuPG", "", []string{".tar.gpg", ".tar.gz.gpg", ".tgz.gpg", ".tar.pgp", ".tar.gz.pgp"}, "gpg -d"},
	{"age", "age-encryption.org", []string{".tar.age", ".tar.gz.age", ".tgz.age"}, "age -d"},
	{"zip", "PK\x03\x04", nil, "unzip"},
}

func (p *packing) detail() string {
	return fmt.Sprintf("packed with %s, which is not read: unpack it with `%s` to a .tar or .tar.gz", p.name, p.unpack)
}

// Foreign tells of the name of a file that it is that of an archive which is packed as none is read: the name without its
// ending, and what people should know. detail is empty for all other names.
func Foreign(name string) (stem, detail string) {
	for i := range packings {
		for _, ending := range packings[i].endings {
			if stem, ok := strings.CutSuffix(name, ending); ok {
				return stem, packings[i].detail()
			}
		}
	}
	return "", ""
}

// foreignContent tells of the first bytes of a file how it is packed, or fallback.
func foreignContent(head []byte, fallback string) string {
	for i := range packings {
		if p := &packings[i]; p.magic != "" && bytes.HasPrefix(head, []byte(p.magic)) {
			return p.detail()
		}
	}
	return fallback
}

// headSize is how many bytes of a file tell how it is packed.
const headSize = 24

// keepHead collects the first bytes of what comes in pieces.
func keepHead(head, p []byte) []byte {
	return append(head, p[:min(len(p), headSize-len(head))]...)
}
