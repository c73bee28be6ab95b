#!/bin/sh
exec @SLOTFS@ panel cgi cpanel --socket @SOCKET@
