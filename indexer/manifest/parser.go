package manifest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"unicode/utf8"

	"slotfs/indexer/backup"
)

// parser takes values off the front of rest; after the first one that is not there failed stays set and rest is empty.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) check(ok bool) {
	if !ok {
		p.failed, p.rest = true, nil
	}
}

// try takes text if it comes next.
func (p *parser) try(text string) bool {
	if len(p.rest) < len(text) || string(p.rest[:len(text)]) != text {
		return false
	}
	p.rest = p.rest[len(text):]
	return true
}

func (p *parser) must(text string) { p.check(p.try(text)) }

// until takes the bytes before c, and c.
func (p *parser) until(c byte) []byte {
	i := bytes.IndexByte(p.rest, c)
	if i < 0 {
		p.check(false)
		return nil
	}
	found := p.rest[:i]
	p.rest = p.rest[i+1:]
	return found
}

// number takes a decimal number as strconv writes it.
func (p *parser) number(limit uint64) uint64 {
	i := 0
	n := uint64(0)
	for ; i < len(p.rest) && p.rest[i]-'0' <= 9; i++ {
		digit := uint64(p.rest[i] - '0')
		if n > (limit-digit)/10 || i > 0 && n == 0 {
			p.check(false)
			return 0
		}
		n = n*10 + digit
	}
	if i == 0 {
		p.check(false)
		return 0
	}
	p.rest = p.rest[i:]
	return n
}

// optional takes a number that is not zero, if its field comes next.
func (p *parser) optional(field string, limit uint64) uint64 {
	if !p.try(field) {
		return 0
	}
	n := p.number(limit)
	p.check(n != 0)
	return n
}

// octal takes four octal digits and the quote behind them.
func (p *parser) octal() uint32 {
	if len(p.rest) < 5 || p.rest[4] != '"' {
		p.check(false)
		return 0
	}
	mode := uint32(0)
	for _, c := range p.rest[:4] {
		if c < '0' || c > '7' {
			p.check(false)
			return 0
		}
		mode = mode<<3 | uint32(c-'0')
	}
	p.rest = p.rest[5:]
	return mode
}

// time takes seconds with decimals, if the field comes next.
func (p *parser) time(field string) backup.Time {
	if !p.try(field) {
		return backup.Time{}
	}
	text := p.until('"')
	t, ok := parseSeconds(text)
	// Times have one form only: what is written in another is not ours.
	var form [32]byte
	p.check(ok && t != (backup.Time{}) && string(appendSeconds(form[:0], t)) == string(text))
	return t
}

// nanoseconds takes a time as time does, and gives the nanoseconds since 1970-01-01 UTC.
func (p *parser) nanoseconds(field string) int64 {
	t := p.time(field)
	ns := t.Sec*1e9 + int64(t.Nsec) // a sum that does not fit is another time
	p.check(backup.Nanoseconds(ns) == t)
	return ns
}

func parseSeconds(text []byte) (t backup.Time, ok bool) {
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	whole, decimals, _ := bytes.Cut(text, []byte{'.'})
	if len(decimals) > 9 || len(whole) > len("9223372036854775807") {
		return t, false
	}
	for _, c := range whole {
		t.Sec = t.Sec*10 + int64(c-'0')
	}
	unit := int32(1e9)
	for _, c := range decimals {
		unit /= 10
		t.Nsec += int32(c-'0') * unit
	}
	// Whatever came of other bytes than digits, or beyond 64 bits, does not look like text when it is written.
	if negative {
		t.Sec, t.Nsec = -t.Sec, -t.Nsec
	}
	if t.Nsec < 0 {
		t.Sec, t.Nsec = t.Sec-1, t.Nsec+1e9
	}
	return t, t.Sec >= -backup.MaxSeconds && t.Sec <= backup.MaxSeconds
}

// text takes a field of raw bytes. There is none if ok is false.
func (p *parser) text(field string) (s string, ok bool) {
	head := len(field) + 4 // "FIELD":"
	if len(p.rest) < head || p.rest[0] != '"' || string(p.rest[1:1+len(field)]) != field {
		p.check(false)
		return "", false
	}
	p.rest = p.rest[1+len(field):]
	if p.try(`":"`) {
		return p.escaped()
	}
	p.must(`64":"`)
	s = p.base64()
	p.check(!utf8.ValidString(s))
	return s, !p.failed
}

// optionalText takes a field of raw bytes that are not empty, if it comes next.
func (p *parser) optionalText(field string) string {
	if len(p.rest) < len(field)+2 || p.rest[0] != ',' || p.rest[1] != '"' || string(p.rest[2:2+len(field)]) != field {
		return ""
	}
	p.rest = p.rest[1:]
	s, _ := p.text(field)
	p.check(s != "")
	return s
}

// name is optionalText for texts that repeat.
func (p *parser) name(field string, names *intern) string {
	if len(p.rest) < len(field)+5 || p.rest[0] != ',' || string(p.rest[2:2+len(field)]) != field {
		return ""
	}
	return names.get(p.optionalText(field))
}

// escaped takes what is left of a string behind its first quote.
func (p *parser) escaped() (string, bool) {
	raw := p.rest
	plain := true
	i := 0
	for ; i < len(raw) && raw[i] != '"'; i++ {
		if raw[i] < 0x20 {
			p.check(false)
			return "", false
		}
		if raw[i] == '\\' {
			plain = false
			i++
		}
	}
	if i >= len(raw) {
		p.check(false)
		return "", false
	}
	p.rest = raw[i+1:]
	if plain {
		p.check(utf8.Valid(raw[:i]))
		return string(raw[:i]), !p.failed
	}
	out, ok := unescape(raw[:i])
	p.check(ok && utf8.Valid(out))
	return string(out), !p.failed
}

// unescape takes escapes out of a string, those that appendText makes.
func unescape(raw []byte) ([]byte, bool) {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++
		switch {
		case i < len(raw) && (raw[i] == '"' || raw[i] == '\\'):
			out = append(out, raw[i])
		case i+4 < len(raw) && raw[i] == 'u':
			c, ok := control(raw[i+1 : i+5])
			if !ok {
				return nil, false
			}
			out = append(out, c)
			i += 4
		default:
			return nil, false
		}
	}
	return out, true
}

// control reads the digits of an escaped control character.
func control(digits []byte) (byte, bool) {
	high, low := digits[2], digits[3]
	if digits[0] != '0' || digits[1] != '0' || high != '0' && high != '1' {
		return 0, false
	}
	switch {
	case '0' <= low && low <= '9':
		return (high-'0')<<4 | (low - '0'), true
	case 'a' <= low && low <= 'f':
		return (high-'0')<<4 | (low - 'a' + 10), true
	}
	return 0, false
}

// hex takes what is left of a string in lower case hexadecimal.
func (p *parser) hex() string {
	raw := p.until('"')
	p.check(len(bytes.Trim(raw, "0123456789abcdef")) == 0)
	out, err := hex.AppendDecode(nil, raw)
	p.check(err == nil)
	return string(out)
}

// base64 takes what is left of a string in base64.
func (p *parser) base64() string {
	raw := p.until('"')
	// The decoder passes over line ends, which are not part of our form.
	if bytes.ContainsAny(raw, "\r\n") {
		p.check(false)
		return ""
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(nil, raw)
	p.check(err == nil)
	return string(out)
}
