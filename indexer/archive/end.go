package archive

// GNU tar ends at the first block of zeros, and so does everybody who extracts: what lies behind it, another archive or
// what an older and longer file left there, is no part of the backup.

// finish ends the archive at a block of zeros.
func (l *level) finish() {
	if l.first >= 0 {
		l.walk.note(noteLone, l.prefix)
		l.forget()
	}
	l.step, l.linkBody, l.globals = stepEnd, 0, nil
}

// behind looks at a block behind the end, until one is not zero.
func (l *level) behind(b *block) {
	switch {
	case b.zero():
		return
	case !l.valid: // zeros, then something: its first blocks are lost, or it never was an archive
		l.step = stepDead
		return
	case b.summed():
		l.walk.note(noteArchive, l.prefix)
	default:
		l.walk.note(noteBehind, l.prefix)
	}
	l.step = stepBehind
}

// unmarked reports whether the archive ends, if it ends here, between two members without a block of zeros. The writer of
// cPanel leaves it out whenever the last member did not fit into its buffer.
func (l *level) unmarked() bool {
	return l.step == stepHeader && l.valid && !l.lost && l.first < 0 && blank(l.part)
}

// blank reports whether what came of a block is zeros.
func blank(part []byte) bool {
	for _, c := range part {
		if c != 0 {
			return false
		}
	}
	return true
}
