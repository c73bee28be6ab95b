package export

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// An access control list, as the kernel has it in an attribute, is a version and entries of a tag, permissions and a number.
const (
	aclVersion = 2
	aclHeader  = 4
	aclEntry   = 8
)

// aclTags are the kinds of entries, by tag; those that name somebody have %d.
var aclTags = map[uint16]string{1: "user:", 2: "user:%d", 4: "group:", 8: "group:%d", 0x10: "mask:", 0x20: "other:"}

// aclText is an access control list as text, with numbers for owners; false if it is none.
func aclText(value string) (string, bool) {
	data := []byte(value)
	if len(data) < aclHeader || (len(data)-aclHeader)%aclEntry != 0 || binary.LittleEndian.Uint32(data) != aclVersion {
		return "", false
	}
	var lines []string
	for rest := data[aclHeader:]; len(rest) > 0; rest = rest[aclEntry:] {
		tag, permissions := binary.LittleEndian.Uint16(rest), binary.LittleEndian.Uint16(rest[2:])
		who, ok := aclTags[tag]
		if !ok {
			return "", false
		}
		if strings.Contains(who, "%") {
			who = fmt.Sprintf(who, binary.LittleEndian.Uint32(rest[4:]))
		}
		lines = append(lines, who+":"+permissionText(permissions))
	}
	return strings.Join(lines, "\n"), true
}

func permissionText(bits uint16) string {
	text := []byte("---")
	for i, c := range []byte("rwx") {
		if bits&(4>>i) != 0 {
			text[i] = c
		}
	}
	return string(text)
}
