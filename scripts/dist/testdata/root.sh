#!/usr/bin/env bash
# A root that lies over the machine's, in a mount namespace of its own: what is changed is gone with the namespace. It is read by
# the scripts beside it, which are called with a directory as their last argument.
layer=${*: -1}/layer root=${*: -1}/root
mkdir "$layer" "$root"
mount -t tmpfs tmpfs "$layer"
mkdir "$layer/upper" "$layer/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$root"
mount --bind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
# The machine's own slotfs, if it has one, is none of this.
rm -rf "$root/etc/slotfs" "$root/var/lib/slotfs"

inside() { chroot "$root" env -u SLOTFS_CONFIG -u SLOTFS_STATE_DIR PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
check() { echo "check: $*" && "$@"; }
absent() { ! [ -e "$1" ]; }
mounted() { grep -q ' /mnt/a\\040b fuse.slotfs ' /proc/self/mounts || grep -q "$root/mnt/a\\\\040b fuse.slotfs " /proc/self/mounts; }

# An administrator sets something, and has a key.
use() {
	check [ "$(stat -c %a "$root/var/lib/slotfs")" = 700 ]
	check [ "$(stat -c %a "$root/etc/slotfs/slotfs.toml")" = 600 ]
	check inside slotfs status
	printf '[watch]\nmax-age = "3d"\n' >>"$root/etc/slotfs/slotfs.toml"
	mkdir "$root/var/lib/slotfs/keys"
	echo key >"$root/var/lib/slotfs/keys/offsite"
}

# kept looks whether that is still there.
kept() {
	check grep -q 'max-age = "3d"' "$root/etc/slotfs/$1"
	check [ "$(cat "$root/var/lib/slotfs/keys/offsite")" = key ]
}
