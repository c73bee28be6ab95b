package gzseek

import "bytes"

// tracker finds out which bytes of a window are referred to. It decodes no output, only lengths and distances: that
// costs 0.1 ms for a point, where watching every copy of the inflater would cost all the time.
type tracker struct{ z inflater }

// track decodes n <= historySize bytes of output from bit of comp on, and marks in u the bytes of the window of the
// given length they come from. It reports whether comp held all that.
func (t *tracker) track(u *usage, window, n int, comp []byte, bit int64) bool {
	z := &t.z
	z.input.reset(bytes.NewReader(comp[bit>>3:]), 0, 8<<10)
	if _, err := z.take(uint(bit & 7)); err != nil {
		return false
	}
	for got := 0; got < n; {
		if empty, err := z.block(); err != nil {
			return false
		} else if !empty {
			if got, err = t.block(u, window, got, n); err != nil {
				return false
			}
		}
		if z.final {
			return true // what follows belongs to another member
		}
	}
	return true
}

// block goes through one block that begins got bytes after the point.
func (t *tracker) block(u *usage, window, got, n int) (int, error) {
	z := &t.z
	for got < n {
		if z.stored {
			return t.skipStored(got)
		}
		s, err := z.next()
		switch {
		case err != nil:
			return got, err
		case s.end:
			return got, nil
		case s.length == 0:
			got++
			continue
		case s.distance > got+window:
			return got, z.corrupt("distance before the beginning")
		case s.distance > got:
			from := historySize + got - s.distance
			u.add(from, min(from+s.length, historySize))
		}
		got += s.length
	}
	return got, nil
}

func (t *tracker) skipStored(got int) (int, error) {
	z := &t.z
	for z.left > 0 {
		ok, err := z.more()
		if err != nil {
			return got, err
		}
		if !ok {
			return got, z.truncated()
		}
		n := min(z.left, z.end-z.pos)
		z.pos += n
		z.left -= n
		got += n
	}
	return got, nil
}
