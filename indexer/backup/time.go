package backup

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a moment in Unix time: whole seconds, rounded down, and the nanoseconds after them (0 to 999,999,999). File systems
// and archives have times that nanoseconds in an int64 do not reach: those hold the years 1678 to 2262 only.
type Time struct {
	Sec  int64
	Nsec int32
}

// The seconds whose nanoseconds all fit into an int64.
const (
	MinNanoSeconds = math.MinInt64 / 1_000_000_000
	MaxNanoSeconds = math.MaxInt64/1_000_000_000 - 1
)

// MaxSeconds is the last second that time.Time can tell. Times are bounded by it, and by its negative.
const MaxSeconds = math.MaxInt64 - 62_135_596_800

// TimeOf is t in Unix time.
func TimeOf(t time.Time) Time { return Time{t.Unix(), int32(t.Nanosecond())} }

// Nanoseconds is the moment ns nanoseconds after 1970-01-01 UTC.
func Nanoseconds(ns int64) Time {
	t := Time{ns / 1e9, int32(ns % 1e9)}
	if t.Nsec < 0 {
		t.Sec, t.Nsec = t.Sec-1, t.Nsec+1e9
	}
	return t
}

// Std is t in UTC.
func (t Time) Std() time.Time { return time.Unix(t.Sec, int64(t.Nsec)).UTC() }

// After reports whether t is later than u.
func (t Time) After(u Time) bool { return t.Sec > u.Sec || t.Sec == u.Sec && t.Nsec > u.Nsec }

// The layouts of times in JSON: RFC 3339, and of one in a year that has not four digits the rest of it.
const (
	timeJSON = `"` + time.RFC3339Nano + `"`
	restJSON = `-01-02T15:04:05.999999999Z07:00"`
)

// MarshalJSON writes t as RFC 3339 does. A year before 0 or after 9999 has a sign and as many digits as it needs, as in ISO 8601.
func (t Time) MarshalJSON() ([]byte, error) {
	std := t.Std()
	if y := std.Year(); y < 0 || y > 9999 {
		return std.AppendFormat(fmt.Appendf(nil, `"%+05d`, y), restJSON), nil
	}
	return std.AppendFormat(nil, timeJSON), nil
}

// UnmarshalJSON is the reverse of MarshalJSON.
func (t *Time) UnmarshalJSON(data []byte) error {
	if len(data) < 2 || data[1] != '-' && data[1] != '+' {
		std, err := time.Parse(timeJSON, string(data))
		*t = TimeOf(std)
		return err
	}
	digits := 2 + max(bytes.IndexByte(data[2:], '-'), 0)
	year, err := strconv.ParseInt(string(data[1:digits]), 10, 64)
	if err != nil {
		return fmt.Errorf("time %.80q: %w", data, err)
	}
	// The calendar repeats every 400 years.
	const cycle, seconds = 400, 146_097 * 86_400
	cycles := (year - 2000) / cycle
	std, err := time.Parse(timeJSON, fmt.Sprintf(`"%04d%s`, year-cycles*cycle, data[digits:]))
	*t = TimeOf(std)
	t.Sec += cycles * seconds
	return err
}

// Time is the modification time.
func (e *Entry) Time() Time {
	t := Nanoseconds(e.MTime)
	if e.Far != 0 {
		t.Sec = e.Far
	}
	return t
}

// SetTime sets the modification time.
func (e *Entry) SetTime(t Time) {
	near := min(max(t.Sec, MinNanoSeconds), MaxNanoSeconds)
	e.MTime, e.Far = near*1e9+int64(t.Nsec), 0
	if near != t.Sec {
		e.Far = min(max(t.Sec, -MaxSeconds), MaxSeconds)
	}
}
