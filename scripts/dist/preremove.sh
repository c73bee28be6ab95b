#!/bin/sh
# Before a removal, and nothing before an upgrade: Debian calls it with "remove" or "upgrade", RPM with the number of
# versions that stay.
set -e
case $1 in
remove | deconfigure | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now slotfs.service 2>/dev/null || true
	systemctl stop 'slotfs-sync@*.timer' 2>/dev/null || true
	systemctl stop 'slotfs-sync@*.service' 2>/dev/null || true
	# `disable` takes no patterns.
	for link in /etc/systemd/system/*.wants/slotfs-sync@*.timer; do
		[ ! -L "$link" ] || systemctl disable "${link##*/}" 2>/dev/null || true
	done
fi
# Mounts that were made by hand or from fstab. Spaces in their paths are \040 in /proc.
awk '$3 == "fuse.slotfs" { print $2 }' /proc/self/mounts | while read -r where; do
	where=$(printf '%b' "$(echo "$where" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')")
	/usr/bin/slotfs umount "$where" || umount -l "$where" || echo "slotfs: $where stays mounted" >&2
done
