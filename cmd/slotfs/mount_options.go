package main

import (
	"slices"
	"strings"

	"slotfs/cmd/internal/exit"
)

// mountOptions is what -o says.
type mountOptions struct {
	allowOther bool
	config     string
	stateDir   string
	logLevel   string
	kernel     []string // handed on
}

// Options that mean nothing to a mount that is read-only, nosuid and nodev anyway, or that are for mount(8), systemd
// and fstab alone.
var ignoredOptions = []string{"ro", "rw", "defaults", "auto", "noauto", "user", "users", "nouser", "owner", "group", "_netdev",
	"nofail", "dev", "nodev", "suid", "nosuid", "exec", "atime", "diratime", "norelatime", "nostrictatime", "default_permissions"}

// Options that the kernel takes.
var kernelOptions = []string{"noexec", "noatime", "nodiratime", "relatime", "strictatime"}

// parseMountOptions reads a list with commas. Options that are not known are errors: a typing error that nobody
// hears of is worse.
func parseMountOptions(text string) (mountOptions, error) {
	var o mountOptions
	for option := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(option, "=")
		switch {
		case option == "" || slices.Contains(ignoredOptions, option):
		case strings.HasPrefix(option, "x-") || key == "comment":
		case slices.Contains(kernelOptions, option):
			o.kernel = append(o.kernel, option)
		case option == "allow_other":
			o.allowOther = true
		case key == "config" && value != "":
			o.config = value
		case key == "state_dir" && value != "":
			o.stateDir = value
		case key == "log_level" && value != "":
			o.logLevel = value
		default:
			return o, exit.Usagef("unknown mount option %q", option)
		}
	}
	return o, nil
}
