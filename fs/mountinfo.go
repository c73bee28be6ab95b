package fs

import "github.com/moby/sys/mountinfo"

// mounts lists what is mounted at mountpoint, the topmost last.
func mounts(mountpoint string) []*mountinfo.Info {
	found, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != mountpoint, false })
	if err != nil {
		return nil
	}
	return found
}

// ours reports whether it is a mount of slotfs.
func ours(m *mountinfo.Info) bool { return m.FSType == "fuse."+fsName }
