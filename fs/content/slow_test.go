package content

import (
	"testing"
	"time"
)

func TestLessIsReadAheadOverASlowLine(t *testing.T) {
	var l linkStats
	now := time.Unix(1e9, 0)
	if l.ahead() != maxAhead {
		t.Errorf("at first %d", l.ahead())
	}
	// 400 KB/s: what is on its way takes most/rate to come.
	const rate = 400_000
	for range 10 {
		asked := now
		now = now.Add(time.Duration(float64(l.ahead()) / rate * float64(time.Second)))
		l.took(asked, now)
		// What was asked for before the change came as late, and must not be held against it again.
		l.took(asked, now)
		l.took(asked.Add(time.Millisecond), now)
	}
	if sum := time.Duration(float64(l.ahead()) / rate * float64(time.Second)); sum > slowRead || sum < quickRead/2 {
		t.Errorf("%d bytes on their way, which take %v", l.ahead(), sum)
	}
	for range 20 {
		asked := now
		now = now.Add(20 * time.Millisecond)
		l.took(asked, now)
	}
	if l.ahead() != maxAhead {
		t.Errorf("%d once the line is fast again", l.ahead())
	}
	l.took(now, now.Add(time.Hour))
	if l.ahead() != minAhead {
		t.Errorf("%d after an hour of silence", l.ahead())
	}
}

func TestLessIsReadAheadOfAServerThatIsNear(t *testing.T) {
	var l linkStats
	now := time.Unix(1e9, 0)
	for _, x := range []struct {
		wait time.Duration
		want int64
	}{{100 * time.Millisecond, maxAhead}, {20 * time.Millisecond, maxAhead}, {time.Millisecond, nearAhead}, {0, nearAhead}, {time.Second, nearAhead}} {
		l.took(now, now.Add(x.wait))
		if got := l.reach(); got != x.want {
			t.Errorf("after %v: %d, want %d", x.wait, got, x.want)
		}
	}
}
