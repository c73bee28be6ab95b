package fs

import (
	"bufio"
	"io"
	"os"
	"strings"
)

// mountInfo is one line of /proc/self/mountinfo (proc(5)).
type mountInfo struct {
	device     string // major:minor
	mountpoint string
	fstype     string
	source     string
}

// ours reports whether it is a mount of slotfs.
func (m mountInfo) ours() bool { return m.fstype == "fuse."+fsName }

// mounts lists what is mounted at mountpoint, the topmost last.
func mounts(mountpoint string) []mountInfo {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer file.Close()
	var found []mountInfo
	for _, m := range parseMounts(file) {
		if m.mountpoint == mountpoint {
			found = append(found, m)
		}
	}
	return found
}

// parseMounts reads mountinfo and passes over lines that it does not understand.
func parseMounts(r io.Reader) []mountInfo {
	var all []mountInfo
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m, ok := parseMount(lines.Text()); ok {
			all = append(all, m)
		}
	}
	return all
}

// parseMount reads "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw".
func parseMount(line string) (mountInfo, bool) {
	front, back, ok := strings.Cut(line, " - ")
	if !ok {
		return mountInfo{}, false
	}
	f, b := strings.Fields(front), strings.Fields(back)
	if len(f) < 6 || len(b) < 2 {
		return mountInfo{}, false
	}
	return mountInfo{device: f[2], mountpoint: unescape(f[4]), fstype: b[0], source: unescape(b[1])}, true
}

// unescape turns \040 and its like into what they stand for.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			out.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func octal(c byte) bool { return c >= '0' && c <= '7' }
