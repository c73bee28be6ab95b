#!/bin/sh
# After a removal. Debian's purge takes configuration and state away; RPM knows no purge.
set -e
if [ "$1" = purge ]; then
	rm -rf --one-file-system /var/lib/slotfs /etc/slotfs
fi
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
