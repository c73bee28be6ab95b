#!/bin/sh
exec @SLOTFS@ panel cgi whm --socket @CONTROL@
