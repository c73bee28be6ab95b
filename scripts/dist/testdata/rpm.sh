#!/usr/bin/env bash
# Installs, upgrades, uses and erases an RPM package, with a database of its own.
#
#	rpm.sh OLDER NEWER DIRECTORY
set -euo pipefail
cp "$1" "$3/older.rpm"
cp "$2" "$3/newer.rpm"
older=$3/older.rpm newer=$3/newer.rpm
# shellcheck source=scripts/dist/testdata/root.sh
. "$(dirname "$0")/root.sh"
cp "$older" "$newer" "$root/"
inside rm -rf /var/lib/rpm
# What this machine has is in no database of RPM.
packages() { inside rpm --nodeps "$@"; }

packages -i /older.rpm
use
check inside rpm -q slotfs
[ "$(inside rpm -V --nodeps slotfs | sed 's/  */ /g')" = "S.5....T. c /etc/slotfs/slotfs.toml" ]

mkdir "$root/mnt/a b"
inside mount -t slotfs backups '/mnt/a b'
check mounted
packages -U /newer.rpm 2>"$layer/said"
cat "$layer/said"
check grep -q "/mnt/a b: still runs the earlier version" "$layer/said"
check mounted
kept slotfs.toml
check [ "$(inside rpm -qa --qf '%{NAME} ' 'slotfs*')" = "slotfs " ]
check [ -e "$root/usr/bin/slotfs" ]
check grep -q 'max-age = "3d"' "$root/etc/slotfs/slotfs.toml"
inside slotfs umount '/mnt/a b'
inside mount -t slotfs backups '/mnt/a b'
check mounted

packages -e slotfs
if mounted; then
	echo "the mount is still there" >&2
	exit 1
fi
check absent "$root/usr/bin/slotfs"
check absent "$root/usr/lib/systemd/system/slotfs.service"
# RPM knows no purge: what was changed stays.
kept slotfs.toml.rpmsave
