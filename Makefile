GO ?= go
export CGO_ENABLED ?= 0

PREFIX ?= /usr/local
MANDIR = $(PREFIX)/share/man
UNITDIR ?= /etc/systemd/system
# The commit is part of the version where there is a checkout.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo true || echo false)
UNITS = slotfs.service slotfs-sync@.service slotfs-sync@.timer

.PHONY: all build install uninstall demo dist docs check test lint fuzz bench clean
all: build

build: ## the static binary, in bin/
	$(GO) build -trimpath -buildvcs=$(BUILDVCS) -o bin/slotfs ./cmd/slotfs

install: build ## the binary, the mount helpers, the man pages, completions and systemd units
	install -D -m 0755 bin/slotfs $(DESTDIR)$(PREFIX)/bin/slotfs
	install -d $(DESTDIR)/sbin
	ln -sf $(PREFIX)/bin/slotfs $(DESTDIR)/sbin/mount.slotfs
	ln -sf $(PREFIX)/bin/slotfs $(DESTDIR)/sbin/mount.fuse.slotfs
	install -d $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5
	install -m 0644 docs/man/*.1 $(DESTDIR)$(MANDIR)/man1
	install -m 0644 docs/man/*.5 $(DESTDIR)$(MANDIR)/man5
	install -D -m 0644 cmd/slotfs/completion/slotfs.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/slotfs
	install -D -m 0644 cmd/slotfs/completion/slotfs.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_slotfs
	install -D -m 0644 cmd/slotfs/completion/slotfs.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/slotfs.fish
	install -d $(DESTDIR)$(UNITDIR)
	for unit in $(UNITS); do sed 's|@PREFIX@|$(PREFIX)|' scripts/systemd/$$unit >$(DESTDIR)$(UNITDIR)/$$unit && chmod 0644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; done

uninstall: ## what install put there; configuration and state stay
	rm -f $(DESTDIR)$(PREFIX)/bin/slotfs $(DESTDIR)/sbin/mount.slotfs $(DESTDIR)/sbin/mount.fuse.slotfs
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(wildcard docs/man/*.1))) $(DESTDIR)$(MANDIR)/man5/slotfs.toml.5
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions/slotfs zsh/site-functions/_slotfs fish/vendor_completions.d/slotfs.fish)
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(UNITS))

demo: ## the main job from end to end, on a destination made for it
	scripts/demo

dist: ## packages, tarballs, SBOM, notices and checksums of the committed state, in dist/
	rm -rf dist && $(GO) -C scripts/dist run . "$(CURDIR)/dist"

docs: ## the reference and the man pages, from the definitions of the commands
	$(GO) test ./cmd/slotfs -run TestGeneratedDocuments -update

check: ## what needs no root, no FUSE and no packages, in a minute
	scripts/check

test: ## everything that must pass
	scripts/install-deps test
	scripts/test

lint: ## the linters of .golangci.yml
	scripts/lint/run

fuzz: ## every fuzz target for FUZZTIME each
	scripts/fuzz

bench: ## speed and size against the usual tools, as ratios
	scripts/install-deps bench
	$(GO) run ./scripts/bench

clean:
	rm -rf bin dist
