# Thin over `vmoffer`: each target first sets up what it needs, and says what it reuses.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Python 3.11 or newer; `make PYTHON=/path/to/python …` chooses one.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)
SKU ?= demo/debian-12
OS ?= debian-12
BUILDER ?=
DISK ?= $(wildcard build/$(SKU)/*/*-os.vhd)
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
VMOFFER := $(BIN)/vmoffer
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: help setup setup-azure build generate validate new test e2e lint bench docs lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  SKU=$(SKU) chooses the plan, ARGS=… is handed on to vmoffer, PYTHON=… chooses the interpreter"

setup: $(VENV)/.native ## bring in everything a local build needs: packages, .venv, Packer, blob store, base image
	@$(VMOFFER) doctor --bring packer --bring store --bring base

setup-azure: $(VENV)/.native ## bring in what only tests need: the azure plugin, actionlint
	@$(VMOFFER) doctor --bring packer --bring azure-plugin --bring store --bring actionlint

build: $(VENV)/.native ## build SKU=offer/plan: image, VHDs, report, page blobs, SAS URIs
	@$(VMOFFER) build $(SKU) $(if $(BUILDER),--builder $(BUILDER)) $(ARGS)

generate: $(VENV)/.installed ## write the Packer project of SKU=offer/plan
	@$(VMOFFER) generate $(SKU) $(if $(BUILDER),--builder $(BUILDER)) $(ARGS)

validate: $(VENV)/.installed ## judge DISK=file.vhd (default: the OS disks built for SKU)
	@test -n "$(DISK)" || { echo "make validate: nothing built for $(SKU); give DISK=file" >&2; exit 2; }
	@$(VMOFFER) validate $(DISK) --sku $(SKU) $(ARGS)

new: $(VENV)/.installed ## write a SKU definition: make new SKU=offer/plan OS=debian-12
	@$(VMOFFER) new $(SKU) --os $(OS) $(ARGS)

test: $(VENV)/.dev $(VENV)/.native $(VENV)/.native-tests setup-azure ## run the tests, all but the end-to-end ones
	@$(BIN)/pytest -m "not e2e" -n $$(nproc) --dist worksteal $(ARGS)

e2e: $(VENV)/.dev $(VENV)/.native $(VENV)/.native-tests ## judge what `make build` made, by real parts (minutes)
	@$(BIN)/pytest -m e2e $(ARGS)

lint: $(VENV)/.dev ## linters over code, scripts and SKU definitions
	@$(BIN)/pytest -q tests/test_house.py
	@$(VMOFFER) lint

bench: $(VENV)/.dev $(VENV)/.native ## run the benchmarks
	@for name in scale convert upload faults validate remote; do echo "== $$name"; $(BIN)/python bench/$$name.py || exit; done

docs: $(VENV)/.docs ## build the site of docs/ into build/site
	@NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict
	@echo "vmoffer: build/site/index.html" >&2

lock: $(VENV)/.dev ## renew requirements/*.txt: LOCK_ARGS=--upgrade takes the newest that fits
	@mkdir -p requirements
	@$(LOCK) pyproject.toml --group build --output-file requirements/run.txt
	@$(LOCK) pyproject.toml --all-extras --group dev --constraint requirements/run.txt --output-file requirements/dev.txt
	@$(LOCK) --group docs --constraint requirements/dev.txt --output-file requirements/docs.txt

clean: ## remove build/, .venv and the linters' caches; ~/.cache/vmoffer stays
	@rm -rf build dist $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- stamps: made once, and again when what they depend on changes -----------------------------------

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "vmoffer needs Python 3.11 or newer; make PYTHON=/path/to/python …" >&2; exit 3; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		tools/apt-install.sh python$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
	@echo "vmoffer: making $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV)

# Every package by its hash (requirements/*.txt, which `make lock` writes); the project itself from here, built by
# what is locked too.
$(VENV)/.installed: $(VENV)/bin/python pyproject.toml requirements/run.txt
	@echo "vmoffer: installing the project into $(VENV)" >&2
	@$(PIP) --require-hashes --requirement requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements/dev.txt
	@echo "vmoffer: installing what the tests need into $(VENV)" >&2
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@touch $@

$(VENV)/.docs: $(VENV)/bin/python requirements/docs.txt
	@echo "vmoffer: installing what the site needs into $(VENV)" >&2
	@$(PIP) --require-hashes --requirement requirements/docs.txt
	@touch $@

$(VENV)/.native: $(VENV)/.installed tools/doctor.py
	@tools/apt-install.sh $$($(VMOFFER) doctor --packages)
	@touch $@

$(VENV)/.native-tests: $(VENV)/.installed tests/debian-packages.txt
	@tools/apt-install.sh $$(awk '!/^#/ && NF { print $$1 }' tests/debian-packages.txt | while read -r name; do \
		dpkg-query --show --showformat='$${db:Status-Status}' "$$name" 2>/dev/null | grep -qx installed || echo "$$name"; done)
	@touch $@
