package sqldump

import (
	"reflect"
	"testing"
)

// FuzzScanner holds that sections lie within the dump and do not overlap, that it does not matter in which pieces the dump comes, nor
// whether the scanner was saved between them, and that what is found is encoded as it is.
func FuzzScanner(f *testing.F) {
	f.Add([]byte(begin+posts+view+odd+end), 7)
	f.Add([]byte(begin+posts+"--\n-- Triggers `posts`\n--\nx\n"+odd+"--\n-- Indexes for table `posts`\n--\n"), 100)
	f.Add([]byte(begin+"DELIMITER $$\n"+posts), 1)
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		whole, cut := NewScanner(), NewScanner()
		_, _ = whole.Write(text)
		piece = max(piece&0xfff, 1)
		for rest := text; len(rest) > 0; {
			n := min(piece, len(rest))
			_, _ = cut.Write(rest[:n])
			rest = rest[n:]
			state, err := cut.MarshalBinary()
			if err == nil {
				cut = new(Scanner)
				err = cut.UnmarshalBinary(state)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		a, okA := whole.End()
		b, okB := cut.End()
		if okA != okB || !reflect.DeepEqual(a, b) {
			t.Fatalf("whole %v %+v, in pieces %v %+v", okA, a, okB, b)
		}
		if okA {
			check(t, a, int64(len(text)))
		}
	})
}

// check holds that contents are those of a dump of size bytes, and that they are encoded as they are.
func check(t *testing.T, c *Contents, size int64) {
	names := make([]string, len(c.Tables))
	for i := range c.Tables {
		names[i] = c.Tables[i].Name
	}
	at := int64(0)
	all, missing := c.Select(names)
	for _, s := range all {
		if s.From < at || s.To <= s.From && at > 0 || s.To > size {
			t.Fatalf("%+v of %d bytes", all, size)
		}
		at = s.To
	}
	data, err := c.MarshalBinary()
	again := new(Contents)
	if err == nil {
		err = again.UnmarshalBinary(data)
	}
	if err != nil || !reflect.DeepEqual(c, again) || len(missing) > 0 {
		t.Fatalf("%+v is read as %+v, %v", c, again, err)
	}
}

// FuzzDecode holds that nothing that was kept ends the process, and that what is read has an order.
func FuzzDecode(f *testing.F) {
	s := NewScanner()
	_, _ = s.Write([]byte(begin + posts + odd))
	state, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	c, _ := s.End()
	data, err := c.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if c := new(Contents); c.UnmarshalBinary(data) == nil {
			for _, table := range c.Tables {
				if table.Size() < 0 {
					t.Fatalf("%+v", table)
				}
			}
		}
		if s := new(Scanner); s.UnmarshalBinary(data) == nil {
			_, _ = s.Write([]byte(posts))
			s.End()
		}
	})
}
