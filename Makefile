# Every target that a person calls carries a comment after two hashes; `make help` prints those.

PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11 python; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$candidate"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.up-to-date
WORKERS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test slow schema baselines gallery studies lint bench lock wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything for use and development (nothing when up to date)

# The stamp comes last, so an interrupted installation is not taken for a whole one.
$(STAMP): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { \
		echo "make setup: found no Python 3.11 or newer; install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make setup: $(PYTHON) is no Python 3.11 or newer" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Debian's own; where it cannot be had, the tests that look at pages say why they are skipped.
browser: ## Install the browser in which the tests open reports, where that is possible (nothing when it is there)
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then :; \
	elif command -v apt-get >/dev/null && test "$$(id -u)" = 0; then \
		{ apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes \
			--no-install-recommends chromium chromium-driver; } >/dev/null 2>&1 \
			|| echo "make browser: chromium cannot be installed here; tests of pages are skipped" >&2; \
	else echo "make browser: install chromium and chromium-driver to run the tests of pages" >&2; fi

demo: setup ## Compare DAX with DynamoDB alone: tables, pictures and a verdict in a few seconds
	$(BIN)/tierbench run dax_vs_dynamodb

# Some folders take far longer than others: a worker that is done takes over half of what another has left.
test: setup browser ## Run the tests, all but the slow ones
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

slow: setup browser ## Run the slow tests
	$(BIN)/python -m pytest -m slow --numprocesses $(WORKERS) --dist worksteal

schema: setup ## Write the JSON schema of scenario files anew
	$(BIN)/tierbench schema --out scenarios/scenario.schema.json

baselines: setup ## Write the baselines of the scenarios anew; say in the commit why they moved
	$(BIN)/tierbench verify --update

gallery: setup ## Run the gallery's scenarios anew, keep their pictures, and write its page (some ten minutes)
	$(BIN)/python -m bench.studies.gallery all

studies: setup ## Run the studies among the gallery's pictures anew, and write its page (some five minutes)
	$(BIN)/python -m bench.studies.ten_times
	$(BIN)/python -m bench.studies.threads
	$(BIN)/python -m bench.studies.per_dollar
	$(BIN)/python -m bench.studies.five_times
	$(BIN)/python -m bench.studies.gallery

lint: setup ## Check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup ## Time the engines against SimPy and C by hand, print and draw it (wants a quiet machine)
	mkdir -p .benchmarks
	$(BIN)/python -m pytest tests/benchmarks -k "not test_c_loops and not test_idiomatic" \
		--benchmark-enable --benchmark-json=.benchmarks/speed.json; status=$$?; \
	$(BIN)/python -m bench.studies.speed .benchmarks/speed.json && $(BIN)/python -m bench.studies.gallery && exit $$status

# A tool of its own folder resolves for every platform and Python at once; the index settings of this machine stay out.
lock: ## Resolve requirements.lock anew from pyproject.toml (LOCK_OPTIONS=--upgrade for the newest releases)
	@test -n "$(PYTHON)" || { echo "make lock: found no Python 3.11 or newer" >&2; exit 1; }
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	"$(PYTHON)" -m venv "$$folder" && "$$folder/bin/python" -m pip install --quiet uv && \
	env -u UV_INDEX -u UV_DEFAULT_INDEX -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
		"$$folder/bin/uv" pip compile --no-config --quiet --no-header --universal --python-version 3.11 \
		--fork-strategy fewest --generate-hashes --extra dev $(LOCK_OPTIONS) \
		--output-file requirements.lock pyproject.toml

wheel: setup ## Build the distribution files in dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

clean: ## Remove caches and builds; .venv and run folders stay
	rm -rf build dist .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
