#!/usr/bin/env bash
# Installs, upgrades, uses, removes and purges a Debian package.
#
#	debian.sh PACKAGE DIRECTORY
set -euo pipefail
package=$1
# shellcheck source=scripts/dist/testdata/root.sh
. "$(dirname "$0")/root.sh"

dpkg-deb -R "$package" "$layer/older"
sed -i 's/^Version: .*/Version: 0.0.1-1/' "$layer/older/DEBIAN/control"
dpkg-deb -Znone -b "$layer/older" "$root/older.deb" >/dev/null
cp "$package" "$root/newer.deb"

inside dpkg -i /older.deb
use

# A mount by way of mount(8) and its helper goes on with what it began with, which the upgrade says.
mkdir "$root/mnt/a b"
inside mount -t slotfs backups '/mnt/a b'
check mounted
inside dpkg -i /newer.deb 2>"$layer/said"
check grep -q "/mnt/a b: still runs the earlier version" "$layer/said"
check mounted
kept slotfs.toml
inside slotfs umount '/mnt/a b'
check inside slotfs status
inside dpkg -i /newer.deb 2>"$layer/said"
check [ "$(grep -c earlier "$layer/said")" = 0 ]

# It goes with the package.
inside mount -t slotfs backups '/mnt/a b'
check mounted
inside dpkg -r slotfs
if mounted; then
	echo "the mount is still there" >&2
	exit 1
fi
check absent "$root/usr/bin/slotfs"
kept slotfs.toml

inside dpkg -P slotfs
check absent "$root/etc/slotfs"
check absent "$root/var/lib/slotfs"

# A machine without FUSE and without systemd takes the package, and is told what it cannot do.
umount -l "$root/dev"
mkdir -p "$root/dev"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero urandom; do
	touch "$root/dev/$device"
	mount --bind "/dev/$device" "$root/dev/$device"
done
inside dpkg -i /newer.deb
check inside slotfs status
code=0
inside slotfs mount '/mnt/a b' 2>"$layer/said" || code=$?
cat "$layer/said"
check [ "$code" = 1 ]
check grep -q '^slotfs: hint: .*slotfs ls' "$layer/said"
inside dpkg -P slotfs
