# Installs, upgrades, uses, removes and purges a package in a root that lies over the machine's, in a mount namespace of its
# own: what is changed is gone with the namespace.
#
#	debian.sh PACKAGE DIRECTORY
set -euo pipefail
package=$1 layer=$2/layer root=$2/root
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

# An older package that had another example in its configuration.
dpkg-deb -R "$package" "$layer/older"
sed -i 's/^Version: .*/Version: 0.0.1-1/' "$layer/older/DEBIAN/control"
dpkg-deb -Znone -b "$layer/older" "$root/older.deb" >/dev/null
cp "$package" "$root/newer.deb"

inside dpkg -i /older.deb
check [ "$(stat -c %a "$root/var/lib/slotfs")" = 700 ]
check [ "$(stat -c %a "$root/etc/slotfs/slotfs.toml")" = 600 ]
check inside slotfs status
printf '[watch]\nmax-age = "3d"\n' >>"$root/etc/slotfs/slotfs.toml"
mkdir "$root/var/lib/slotfs/keys"
echo key >"$root/var/lib/slotfs/keys/offsite"

inside dpkg -i /newer.deb
check grep -q 'max-age = "3d"' "$root/etc/slotfs/slotfs.toml"
check [ "$(cat "$root/var/lib/slotfs/keys/offsite")" = key ]
check inside slotfs status

# A mount by way of mount(8) and its helper goes with the package.
mkdir "$root/mnt/a b"
inside mount -t slotfs backups '/mnt/a b'
check mounted
inside dpkg -r slotfs
if mounted; then
	echo "the mount is still there" >&2
	exit 1
fi
check absent "$root/usr/bin/slotfs"
check grep -q 'max-age = "3d"' "$root/etc/slotfs/slotfs.toml"
check [ "$(cat "$root/var/lib/slotfs/keys/offsite")" = key ]

inside dpkg -P slotfs
check absent "$root/etc/slotfs"
check absent "$root/var/lib/slotfs"
