# For developers. Users install the wheel: pip install everystep.
# Needs Python 3.11 or newer and make; everything else goes into .venv, at the versions of constraints.txt.

RECENT := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3 python; do "$$p" -c '$(RECENT)' 2>/dev/null && { command -v "$$p"; exit; }; done; echo python3)
endif
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/everystep-ready
PIP    := $(BIN)/python -m pip --disable-pip-version-check
TESTS  ?=
BENCH  ?= full
RECIPE_DATA ?= ../shared/data
LEARNING_MINUTES ?= 10

.DEFAULT_GOAL := help
.PHONY: help demo tour test conformance golden check format bench recipes wheel wheel-check docs constraints clean

help:  ## List what make can do.
	@echo "everystep: what make can do (each sets up $(VENV) first where it needs it)"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY)  ## Run the main job on real data: fit, judge, forecast, report.
	@echo "==> everystep demo"
	@$(BIN)/everystep demo

tour: $(READY)  ## Go through the lecture notes, item by item, into one page.
	@echo "==> everystep tour"
	@$(BIN)/everystep tour

test: $(READY)  ## Run every test, the examples in docstrings, README and docs included.
	@echo "==> tests on all cores (choose some with TESTS='-k lstm')"
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(TESTS)

conformance: $(READY)  ## Run every case of the suites that others wrote for what we stand in for (minutes).
	@echo "==> conformance"
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 -m conformance tests $(TESTS)

golden: $(READY)  ## Renew the kept texts of graphs and plans, what docs/compiler.md prints, and the list of docs/gallery.md.
	@EVERYSTEP_RENEW=1 $(BIN)/python -m pytest -q tests/compiler/test_golden.py tests/test_compiler_page.py tests/test_gallery_page.py
	@git --no-pager diff --stat -- tests/compiler/golden docs/compiler.md docs/gallery.md

check: $(READY)  ## Check format, lint, types, and that rooms keep to their floors; says all that it finds.
	@failed=''; \
	look() { echo "==> $$1"; shift; "$$@" || failed=yes; }; \
	look "format (ruff)" $(BIN)/ruff format --check .; \
	look "lint (ruff)" $(BIN)/ruff check .; \
	look "types (basedpyright)" $(BIN)/basedpyright; \
	look "floors (import-linter)" $(BIN)/lint-imports --no-logo; \
	test -z "$$failed"

format: $(READY)  ## Write the format and the fixes that ruff is sure of.
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## Time everystep beside other libraries (an hour; BENCH=quick: two minutes).
	@for file in benchmarks/*.py; do echo "==> $$file"; $(BIN)/python "$$file" || exit 1; done
	@echo "==> benchmarks/gallery"
	@$(BIN)/python -m benchmarks.gallery $(BENCH)
	@echo "==> benchmarks/translating"
	@$(BIN)/python -m benchmarks.translating $(BENCH) --data '$(RECIPE_DATA)'
	@echo "==> benchmarks/peers; more columns: $(BIN)/pip install -r benchmarks/peers/requirements.txt"
	@$(BIN)/python -m benchmarks.peers $(BENCH)

recipes: $(READY)  ## Run the recipes on published data sets (RECIPE_DATA, minutes) and print their tables.
	@echo "==> recipes/ett_h1.py"
	@$(BIN)/python recipes/ett_h1.py '$(RECIPE_DATA)/ett_h1/ETTh1.csv.gz'
	@echo "==> recipes/learning, at most LEARNING_MINUTES=$(LEARNING_MINUTES); goes on where it was"
	@$(BIN)/python -m recipes.learning --data '$(RECIPE_DATA)' --minutes '$(LEARNING_MINUTES)'
	@echo "==> recipes/translating, the short ones; all of them: $(BIN)/python -m recipes.translating"
	@$(BIN)/python -m recipes.translating dates scan --seeds 1 --data '$(RECIPE_DATA)'

wheel: $(READY)  ## Build the wheel into dist/.
	@echo "==> building the wheel into dist/"
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist

wheel-check: wheel  ## Install the wheel in an empty environment and run the main job there.
	@$(BIN)/python .ci/wheel_check.py dist constraints.txt

docs: $(READY)  ## Build the documentation into docs/_build/html.
	@$(PIP) install --quiet --no-build-isolation -c constraints.txt -e '.[docs]'
	@echo "==> documentation into docs/_build/html"
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

constraints:  ## Write constraints.txt anew from a fresh environment (by hand, when versions move).
	@.ci/constraints '$(PYTHON)'

clean:  ## Remove what make made: the environment, builds and caches.
	rm -rf $(VENV) build dist docs/_build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@'$(PYTHON)' -c '$(RECENT)' 2>/dev/null || { \
	  echo "everystep needs Python 3.11 or newer; '$(PYTHON)' is: $$('$(PYTHON)' --version 2>&1 | head -n 1)." >&2; \
	  echo "Name another one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "==> environment in $(VENV) ($$('$(PYTHON)' --version 2>&1), versions from constraints.txt; minutes the first time)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear $(VENV)
	@# What builds from source without isolation: ourselves with hatchling; docopt, which num2words needs, with setuptools.
	@$(PIP) install --quiet -c constraints.txt hatchling editables setuptools
	@$(PIP) install --quiet --no-build-isolation -c constraints.txt -e '.[dev]'
	@touch $(READY)
	@echo "==> environment ready"
