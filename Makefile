GO ?= go
export CGO_ENABLED ?= 0

.PHONY: all build demo test lint race fuzz bench clean
all: build

build: ## the static binary, in bin/
	$(GO) build -trimpath -o bin/slotfs ./cmd/slotfs

demo: ## the main job from end to end, on a destination made for it
	scripts/demo

test: ## everything that must pass
	scripts/install-deps test
	scripts/test

fuzz: ## every fuzz target for FUZZTIME each
	scripts/fuzz

bench: ## speed and size against the usual tools, as ratios
	scripts/install-deps bench
	scripts/bench

clean:
	rm -rf bin
