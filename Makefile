# Everything runs in .venv, which `make setup` makes and keeps up to date.

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.bytelm-setup

# One thread a process: the tests run WORKERS processes side by side, and small models are quickest so.
test demo: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo train-demo distill-demo test lint format bench clean

help: ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv and install bytelm into it, editable, with the tools of its developers

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "bytelm needs Python 3.11 or newer; '$(PYTHON) --version' says: $$($(PYTHON) --version 2>&1)" >&2; \
		echo "Name another one with: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; \
		exit 1; }
	@echo "Installing bytelm and what it needs into $(VENV) (a few minutes the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## Show what bytelm does, with the small model that comes with it
	@$(BIN)/python -m bytelm demo

train-demo: setup ## Train three small models for equal FLOPs, and say which wins (a quarter of an hour)
	@$(BIN)/python scripts/train_demo.py

distill-demo: setup ## Teach a byte model by four losses for equal times, and say which wins (a quarter of an hour)
	@$(BIN)/python scripts/distill_demo.py

test: lint ## Run the linters, then the tests
	$(BIN)/python -m pytest -n $(WORKERS)

lint: setup ## Check style, formatting, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy src
	$(BIN)/lint-imports

format: setup ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: setup ## Measure speed
	$(BIN)/python benchmarks/speed.py

clean: ## Remove caches and build outputs; .venv stays
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name $(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
