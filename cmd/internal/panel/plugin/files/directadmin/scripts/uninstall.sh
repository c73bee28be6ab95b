#!/bin/sh
# Nothing is left to do: `slotfs panel install directadmin` and `slotfs panel remove directadmin` put every file in its place.
exit 0
