#!/bin/sh
# After an installation or an upgrade: Debian calls it with "configure [OLD VERSION]", RPM with the number of installed
# versions. An upgrade restarts the mount if it runs; a sync that runs ends with the program that it began with.
set -e
chmod 0700 /var/lib/slotfs
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload || true
if [ -n "$2" ] || [ "$1" = 2 ]; then
	systemctl try-restart slotfs.service || echo "slotfs: the mount did not restart: systemctl status slotfs" >&2
fi
