package manifest

import (
	"fmt"

	"slotfs/indexer/backup"
)

// parseEntry reads a line as appendEntry writes it, and no other. The result is still to be checked.
func parseEntry(line []byte, names *intern) (*Entry, error) {
	p := parser{rest: line}
	e := &Entry{}
	p.must(`{`)
	e.Path, _ = p.text("path")
	e.Name = e.Path[lastSlash(e.Path)+1:]
	p.must(`,"type":"`)
	kind, ok := typeOf(p.until('"'))
	p.check(ok)
	p.must(`,"mode":"`)
	e.Mode = kind | p.octal()
	p.must(`,"uid":`)
	e.UID = uint32(p.number(1<<32 - 1))
	p.must(`,"gid":`)
	e.GID = uint32(p.number(1<<32 - 1))
	e.User = p.name("user", names)
	e.Group = p.name("group", names)
	e.Size = int64(p.optional(`,"size":`, 1<<63-1))
	e.SetTime(p.time(`,"mtime":"`))
	e.CTime = p.nanoseconds(`,"ctime":"`)
	e.Nlink = uint32(p.optional(`,"nlink":`, 1<<32-1))
	e.Inode = p.optional(`,"inode":`, 1<<64-1)
	e.Device = p.optional(`,"device":`, 1<<64-1)
	e.Rdev = p.optional(`,"rdev":`, 1<<64-1)
	e.Offset = int64(p.optional(`,"offset":`, 1<<63-1))
	e.Target = p.optionalText("target")
	e.Link = p.optionalText("link")
	e.Stored = p.optionalText("stored")
	e.Xattrs = p.xattrs()
	e.Sparse = p.sparse()
	if p.try(`,"sha256":"`) {
		e.Hash = string(p.until('"'))
		p.check(isHash(e.Hash))
	}
	if p.try(`,"crc32c":"`) {
		e.Blocks = p.hex()
		p.check(e.Blocks != "")
	}
	e.Flags = p.flags()
	p.must("}\n")
	if p.failed || len(p.rest) != 0 {
		return nil, fmt.Errorf("%w: line %.120q", errDamaged, line)
	}
	return e, nil
}

func lastSlash(path string) int {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return i
		}
	}
	return -1
}

func (p *parser) xattrs() []backup.Xattr {
	if !p.try(`,"xattrs":[`) {
		return nil
	}
	var all []backup.Xattr
	for first := true; !p.failed && (first || p.try(",")); first = false {
		p.must(`{"name":"`)
		name := p.base64()
		p.must(`,"value":"`)
		all = append(all, backup.Xattr{Name: name, Value: p.base64()})
		p.must("}")
	}
	p.must("]")
	return all
}

func (p *parser) sparse() []backup.Extent {
	if !p.try(`,"sparse":[`) {
		return nil
	}
	all := []backup.Extent{}
	if p.try("]") {
		return all
	}
	for first := true; !p.failed && (first || p.try(",")); first = false {
		p.must("[")
		offset := p.number(maxSparse)
		p.must(",")
		all = append(all, backup.Extent{Offset: int64(offset), Length: int64(p.number(maxSparse))})
		p.must("]")
	}
	p.must("]")
	return all
}

func (p *parser) flags() Flags {
	if !p.try(`,"flags":[`) {
		return 0
	}
	flags := Flags(0)
	for i, name := range flagNames {
		if flags != 0 && len(p.rest) > 0 && p.rest[0] == ']' {
			break
		}
		rest := p.rest
		if (flags == 0 || p.try(",")) && p.try(`"`+name+`"`) {
			flags |= 1 << i
		} else {
			p.rest = rest
		}
	}
	p.must("]")
	p.check(flags != 0)
	return flags
}

// intern makes texts that repeat one string. The zero value is ready.
type intern struct{ known map[string]string }

// maxIntern is how many texts are kept.
const maxIntern = 1024

func (n *intern) get(s string) string {
	if s == "" {
		return ""
	}
	if known, ok := n.known[s]; ok {
		return known
	}
	if n.known == nil || len(n.known) >= maxIntern {
		n.known = map[string]string{}
	}
	n.known[s] = s
	return s
}
