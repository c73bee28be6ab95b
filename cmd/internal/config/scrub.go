package config

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// DefaultScrubBandwidth is how fast backups are read again, in bytes a second: a terabyte in 15 hours.
const DefaultScrubBandwidth = 20 << 20

// ParseShare reads a share: "1/30", "5%" or "0.05".
func ParseShare(text string) (float64, error) {
	wrong := fmt.Errorf("%q: want a share like 1/30 or 5%%", text)
	text = strings.TrimSpace(text)
	over, under, fraction := strings.Cut(text, "/")
	number, percent := strings.CutSuffix(over, "%")
	v, err := strconv.ParseFloat(number, 64)
	switch {
	case err != nil, percent && fraction:
		return 0, wrong
	case percent:
		v /= 100
	case fraction:
		n, err := strconv.ParseFloat(under, 64)
		if err != nil {
			return 0, wrong
		}
		v /= n
	}
	if !(v >= 0 && v <= 1) {
		return 0, wrong
	}
	return v, nil
}

// checkScrub checks how much is read again.
func (d *Destination) checkScrub() (string, error) {
	if d.ScrubBandwidth != 0 && d.ScrubBandwidth < minBandwidth {
		return "scrub-bandwidth", fmt.Errorf("scrub-bandwidth %d: want at least 1K", d.ScrubBandwidth)
	}
	if d.Scrub == "" {
		return "", nil
	}
	if d.Engine != scheduled {
		return "scrub", fmt.Errorf("scrub: not for engine %s: `slotfs verify JOB` compares its slots with their manifests", d.Engine)
	}
	if v, err := ParseShare(d.Scrub); err != nil || v == 0 {
		return "scrub", fmt.Errorf("scrub %q: want the share of all bytes that is read each day, like 1/30", d.Scrub)
	}
	return "", nil
}

// ScrubRate is at how many bytes a second backups are read again.
func (d *Destination) ScrubRate() int64 { return cmp.Or(d.ScrubBandwidth, DefaultScrubBandwidth) }

// DailyShare is the share of all bytes that is read again each day; 0: nothing is.
func (d *Destination) DailyShare() float64 {
	v, err := ParseShare(d.Scrub)
	if err != nil {
		return 0
	}
	return v
}
