package main

import (
	"slices"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service"
	"slotfs/fs/content"
)

// mountOptions is what -o says.
type mountOptions struct {
	allowOther bool
	config     string
	stateDir   string
	logLevel   string
	kernel     []string // handed on
	source     string   // what df and mount show; "": slotfs
	// readDeadline is how long one read may wait for a destination.
	readDeadline time.Duration
	cacheSize    int64 // bytes; -1: as the configuration says
}

// mount is what the options say of the mount.
func (o *mountOptions) mount(g *settings) *service.Mount {
	return &service.Mount{Serving: g.serving(o.readDeadline, o.cacheSize), AllowOther: o.allowOther, Kernel: o.kernel, Source: o.source}
}

// Bounds of readDeadline.
const (
	minReadDeadline = time.Second
	maxReadDeadline = time.Hour
)

// Options that mean nothing to a mount that is read-only, nosuid and nodev anyway, or that are for mount(8), systemd
// and fstab alone.
var ignoredOptions = []string{"ro", "rw", "defaults", "auto", "noauto", "user", "users", "nouser", "owner", "group", "_netdev",
	"nofail", "dev", "nodev", "suid", "nosuid", "exec", "atime", "diratime", "norelatime", "nostrictatime", "default_permissions"}

// Options that the kernel takes.
var kernelOptions = []string{"noexec", "noatime", "nodiratime", "relatime", "strictatime"}

// parseMountOptions reads a list with commas. Options that are not known are errors: a typing error that nobody
// hears of is worse.
func parseMountOptions(text string) (mountOptions, error) {
	o := mountOptions{readDeadline: content.DefaultDeadline, cacheSize: -1}
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
		case key == "fsname" && value != "":
			o.source = value
		case key == "log_level" && value != "":
			o.logLevel = value
		case key == "cache_size" && value != "":
			var err error
			if o.cacheSize, err = cacheSize(value); err != nil {
				return o, err
			}
		case key == "read_deadline" || key == "read-deadline":
			d, err := time.ParseDuration(value)
			if err != nil || d < minReadDeadline || d > maxReadDeadline {
				return o, exit.Usagef("mount option read_deadline: %q is no duration from %v to %v, such as 120s", value, minReadDeadline, maxReadDeadline)
			}
			o.readDeadline = d
		default:
			return o, exit.Usagef("unknown mount option %q", option)
		}
	}
	return o, nil
}

// cacheSize reads the size of the cache.
func cacheSize(text string) (int64, error) {
	size, err := config.ParseCacheSize(text)
	if err != nil {
		return 0, exit.With(err, exit.Usage, "")
	}
	return size, nil
}
