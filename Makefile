GO ?= go
export CGO_ENABLED ?= 0

PREFIX ?= /usr/local
UNITDIR ?= /etc/systemd/system
# The commit is part of the version where there is a checkout.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)
UNITS = slotfs.service slotfs-sync@.service slotfs-sync@.timer

.PHONY: all build install uninstall demo check test fuzz bench clean
all: build

build: ## the static binary, in bin/
	$(GO) build -trimpath -buildvcs=$(BUILDVCS) -o bin/slotfs ./cmd/slotfs

install: build ## the binary, the mount helpers, the manual page and the systemd unit
	install -D -m 0755 bin/slotfs $(DESTDIR)$(PREFIX)/bin/slotfs
	install -d $(DESTDIR)/sbin
	ln -sf $(PREFIX)/bin/slotfs $(DESTDIR)/sbin/mount.slotfs
	ln -sf $(PREFIX)/bin/slotfs $(DESTDIR)/sbin/mount.fuse.slotfs
	install -D -m 0644 docs/slotfs.1 $(DESTDIR)$(PREFIX)/share/man/man1/slotfs.1
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do sed 's|@PREFIX@|$(PREFIX)|' scripts/systemd/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && chmod 0644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; done

uninstall: ## what install put there; configuration and state stay
	rm -f $(DESTDIR)$(PREFIX)/bin/slotfs $(DESTDIR)/sbin/mount.slotfs $(DESTDIR)/sbin/mount.fuse.slotfs
	rm -f $(DESTDIR)$(PREFIX)/share/man/man1/slotfs.1 $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))

demo: ## the main job from end to end, on a destination made for it
	scripts/demo

check: ## what needs no root, no FUSE and no packages, in a minute
	scripts/check

test: ## everything that must pass
	scripts/install-deps test
	scripts/test

fuzz: ## every fuzz target for FUZZTIME each
	scripts/fuzz

bench: ## speed and size against the usual tools, as ratios
	scripts/install-deps bench
	$(GO) run ./scripts/bench

clean:
	rm -rf bin
