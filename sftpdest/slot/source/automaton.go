package source

import "slices"

// automaton matches a glob in time that grows with the text alone: of each byte it learns which places of the pattern are
// reached behind it, 64 of them with one instruction (the bit-parallel simulation of Baeza-Yates and Gonnet, "A new
// approach to text searching", 1992). Nothing is ever tried again.
type automaton struct {
	words    int        // of a state: bit n is set if n tokens that stand for a byte have been matched
	last     int        // the bit that is set when all have been
	floating bool       // the pattern may begin behind any '/'
	class    [256]uint8 // bytes that mean the same to all tokens are of one class
	moves    []uint64   // by class, words each: the tokens that a byte of the class is one of
	tail     int        // the byte that each text must end with; -1: any may
	stays    []uint64   // words each: the places where a byte that is no '/' may be skipped, and where a '/' may be
}

// newAutomaton prepares a pattern.
func newAutomaton(g glob, floating bool) *automaton {
	n := 0
	for i := range g {
		if g[i].kind != star && g[i].kind != stars {
			n++
		}
	}
	a := &automaton{words: n/64 + 1, last: n, floating: floating}
	a.stays = make([]uint64, 2*a.words)
	var tokens glob
	for i := range g {
		at := len(tokens)
		switch g[i].kind {
		case stars:
			a.stays[a.words+at/64] |= 1 << (at % 64)
			fallthrough
		case star:
			a.stays[at/64] |= 1 << (at % 64)
		default:
			tokens = append(tokens, g[i])
		}
	}
	a.tail = -1
	if n > 0 && g[len(g)-1].kind == exact {
		a.tail = int(g[len(g)-1].c)
	}
	known := map[string]uint8{}
	for c := range 256 {
		row := a.row(tokens, byte(c))
		key := string(asBytes(row))
		class, ok := known[key]
		if !ok {
			class = uint8(len(known))
			known[key] = class
			a.moves = append(a.moves, row...)
		}
		a.class[c] = class
	}
	return a
}

// row has a bit for each token that stands for c.
func (a *automaton) row(tokens glob, c byte) []uint64 {
	row := make([]uint64, a.words)
	for at := range tokens {
		if tokens[at].matchesByte(c) {
			row[at/64] |= 1 << (at % 64)
		}
	}
	return row
}

func asBytes(words []uint64) []byte {
	out := make([]byte, 0, 8*len(words))
	for _, w := range words {
		for range 8 {
			out = append(out, byte(w))
			w >>= 8
		}
	}
	return out
}

// start makes state that of nothing read yet.
func (a *automaton) start(state []uint64) {
	clear(state)
	state[0] = 1
}

// read follows text. It reports false if nothing that comes can match any more.
func (a *automaton) read(state []uint64, text string) bool {
	if a.words == 1 {
		state[0] = a.readWord(state[0], text)
		return state[0] != 0 || a.floating
	}
	alive := true
	for i := 0; i < len(text) && (alive || a.floating); i++ {
		alive = a.step(state, text[i])
	}
	return alive || a.floating
}

// readWord is read for patterns of up to 63 bytes.
func (a *automaton) readWord(state uint64, text string) uint64 {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '/' {
			state = (state&a.moves[a.class[c]])<<1 | state&a.stays[0]
			continue
		}
		state = (state&a.moves[a.class[c]])<<1 | state&a.stays[1]
		if a.floating {
			state |= 1
		}
	}
	return state
}

func (a *automaton) step(state []uint64, c byte) (alive bool) {
	stays := a.stays[:a.words]
	if c == '/' {
		stays = a.stays[a.words:]
	}
	moves := a.moves[int(a.class[c])*a.words:][:a.words]
	carried, any := uint64(0), uint64(0)
	for w, s := range state {
		moved := s & moves[w]
		state[w] = moved<<1 | carried | s&stays[w]
		carried = moved >> 63
		any |= state[w]
	}
	if c == '/' && a.floating {
		state[0] |= 1
		any |= 1
	}
	return any != 0
}

// matched reports whether what was read is all that the pattern says.
func (a *automaton) matched(state []uint64) bool { return state[a.last/64]>>(a.last%64)&1 != 0 }

// matches reports whether a text with rest behind it is as the pattern says, from a state on, which stays as it is.
func (a *automaton) matches(from []uint64, text, rest string) bool {
	if a.tail >= 0 && rest == "" && text != "" && int(text[len(text)-1]) != a.tail {
		return false
	}
	if a.words == 1 {
		state := a.readWord(a.readWord(from[0], text), rest)
		return a.matched([]uint64{state})
	}
	if !a.floating && !slices.ContainsFunc(from, func(w uint64) bool { return w != 0 }) {
		return false
	}
	var room [maxPattern/64 + 1]uint64
	state := room[:a.words]
	copy(state, from)
	return a.read(state, text) && a.read(state, rest) && a.matched(state)
}
