package lease

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// maxHolder bounds what a lease or a hold says, in bytes.
const maxHolder = 4096

// Holder is what a lease says about the run that made it.
type Holder struct {
	Run   string `json:"run"`
	Host  string `json:"host"`
	Boot  string `json:"boot"`  // id of the boot of the host
	Space string `json:"space"` // process namespace
	PID   int    `json:"pid"`
	Start string `json:"start"` // of the process, in ticks since the boot
}

// Self describes this process.
func Self(run, host string) *Holder {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, _ := os.Readlink("/proc/self/ns/pid")
	h := &Holder{Run: run, Host: host, Boot: strings.TrimSpace(string(boot)), Space: space, PID: os.Getpid()}
	h.Start = startOf(h.PID)
	return h
}

// startOf is when a process started; "" if there is none.
func startOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// "pid (name) state ...", and a name may contain anything. The start is field 22.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// Dead reports whether h is known to have ended: a process of this boot and namespace that is not there any more.
func (h *Holder) Dead() bool {
	now := Self("", "")
	if h.Boot == "" || h.Boot != now.Boot || h.Space == "" || h.Space != now.Space || h.PID <= 0 {
		return false
	}
	return startOf(h.PID) != h.Start
}
