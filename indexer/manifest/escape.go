package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// What an escaped name has at most: bytes of it that tell the name, and all bytes.
const (
	escapedBody = 80
	mostEscaped = escapedBody + len("==") + 32
)

// Escape is the form of a name that stands for it on a server which refuses the name, changes it or takes it for another
// one: what any server can hold. Names that look alike to some servers have escaped forms that differ for all.
func Escape(name string) string {
	sum := sha256.Sum256([]byte(name))
	digits := hex.EncodeToString(sum[:16])
	body := escapeBytes(name, len(name)*3)
	if short := body + "=" + digits[:8]; len(short) < mostEscaped {
		return short
	}
	return escapeBytes(name, escapedBody) + "==" + digits
}

// escapeBytes gives as much of an escaped name as fits into so many bytes.
func escapeBytes(name string, most int) string {
	const hexDigits = "0123456789abcdef"
	out := make([]byte, 0, len(name)+16)
	for i := range len(name) {
		c, size := name[i], len(out)
		device := i == 0 && isDevice(name)
		plain := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_'
		if inside := i > 0 && i < len(name)-1; !device && plain || inside && (c == '-' || c == '.') {
			out = append(out, c)
		} else {
			out = append(out, '=', hexDigits[c>>4], hexDigits[c&15])
		}
		if len(out) > most {
			return string(out[:size])
		}
	}
	return string(out)
}

// Unescape is the reverse of Escape. It fails for what Escape does not give, and for the form that long names have.
func Unescape(escaped string) (name string, ok bool) {
	at := strings.LastIndexByte(escaped, '=')
	if at < 0 || len(escaped)-at != len("=12345678") {
		return "", false
	}
	var out []byte
	for rest := escaped[:at]; rest != ""; {
		if rest[0] != '=' {
			out, rest = append(out, rest[0]), rest[1:]
			continue
		}
		if len(rest) < 3 {
			return "", false
		}
		c, err := hex.DecodeString(rest[1:3])
		if err != nil {
			return "", false
		}
		out, rest = append(out, c[0]), rest[3:]
	}
	name = string(out)
	return name, Escape(name) == escaped
}

// IsEscaped reports whether a name has the form of an escaped one. Such a name is always escaped itself.
func IsEscaped(name string) bool {
	if _, ok := Unescape(name); ok {
		return true
	}
	at := len(name) - 32
	return at >= 2 && len(name) <= mostEscaped && name[at-2:at] == "==" && strings.Trim(name[at:], "0123456789abcdef") == ""
}

// StoredName is the name that the entry has in data/.
func (e *Entry) StoredName() string {
	if e.Stored != "" {
		return e.Stored
	}
	return e.Path[lastSlash(e.Path)+1:]
}
