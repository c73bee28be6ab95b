#!/bin/sh
# After an installation or an upgrade: Debian calls it with "configure [OLD VERSION]", RPM with the number of installed
# versions. An upgrade restarts the mount of the service if it runs; a sync that runs ends with the program that it began with.
set -e
chmod 0700 /var/lib/slotfs
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if [ -n "$2" ] || [ "$1" = 2 ]; then
		systemctl try-restart slotfs.service || echo "slotfs: the mount did not restart: systemctl status slotfs" >&2
	fi
fi
# Mounts that were made by hand, from fstab or by autofs are not restarted: whoever copies from one may want to go on.
for process in /proc/[0-9]*; do
	[ "$(readlink "$process/exe" 2>/dev/null)" = "/usr/bin/slotfs (deleted)" ] || continue
	words=$(tr '\0' '\n' <"$process/cmdline" 2>/dev/null) || continue
	echo "$words" | grep -qx mount || continue
	where=$(echo "$words" | tail -n 1)
	awk '{ print $2 }' /proc/self/mounts | while read -r at; do printf '%b\n' "$(echo "$at" | sed 's/\\\([0-7][0-7][0-7]\)/\\0\1/g')"; done |
		grep -qxF "$where" || continue
	echo "slotfs: $where: still runs the earlier version, process ${process#/proc/}: unmount it and mount it again when nobody uses it" >&2
done
