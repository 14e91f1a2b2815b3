# SPDX-License-Identifier: MIT
# A thin front: CMake builds, tests/ tests.  `make help` lists the goals.

JOBS ?= 2
# Debian's own: its packages of Python modules are for this one, whatever is first on PATH.
PYTHON ?= /usr/bin/python3
# What programs say, and what they take for a letter, is the same for everybody.
export LC_ALL := C.UTF-8
# What is loaded once for all clones lies below it.
ifndef HOME
export HOME := $(shell getent passwd "$$(id -u)" | cut -d: -f6)
endif

.DEFAULT_GOAL := help
.PHONY: help build run test test-containers release test-release test-bases bench clean

help: ## this list
	@echo "Handrail: entrypoint and health sidecar for agent-server images"
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

build: ## everything, into build/opt/handrail as in an image
	@sh tests/setup.sh build
	@cmake --preset dev --log-level=WARNING >/dev/null
	@cmake --build build --parallel $(JOBS)

run: ## the real agent-server under handrail, explained; ONCE=1 ends by itself
	@sh tests/setup.sh run
	@$(MAKE) --no-print-directory build
	@$(PYTHON) tests/e2e/demo.py $(if $(ONCE),--once)

test: ## every check and test, with a closing line that counts them
	@JOBS=$(JOBS) sh tests/run.sh

test-containers: ## the images of docker/, built and run for real; needs root, buildah, runc
	@PYTHON=$(PYTHON) sh tests/containers/run.sh

release: ## /opt/handrail for any image, from pinned sources, in build-release/opt; ARCH=arm64 builds for it
	@sh tests/setup.sh release $(ARCH)
	@JOBS=$(JOBS) sh docker/release/build.sh $(ARCH)

test-release: ## the release: its files, hostile surroundings, memory; AGAIN=1 compares a second build
	@sh tests/setup.sh release-test $(ARCH)
	@JOBS=$(JOBS) PYTHON=$(PYTHON) sh tests/release/run.sh $(if $(AGAIN),--reproduce) $(ARCH)

test-bases: ## the release on Debian, Ubuntu, Alpine and an empty base; needs root, debootstrap
	@sh tests/setup.sh release
	@JOBS=$(JOBS) PYTHON=$(PYTHON) sh tests/bases/run.sh $(BASES)

bench: ## speed and size, beside a peer in the same run
	@sh tests/setup.sh bench
	@$(MAKE) --no-print-directory build
	@$(PYTHON) tests/bench/bench.py

clean: ## remove what was built (not the agent-server in the cache folder)
	rm -rf build build-asan build-tsan build-fuzz build-release build-release-arm64
