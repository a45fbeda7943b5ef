# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# uv from the path, else one bootstrapped into the project. It honours a private CA and never downloads an interpreter.
export UV_SYSTEM_CERTS       := 1
export UV_PYTHON_DOWNLOADS   := never
export UV_LINK_MODE          := copy
export UV_NO_PROGRESS        := 1
# Compiled modules are kept, also where the machine's habit is not to: the tests start many interpreters, and each
# would compile all of us and of what we stand on anew (4.1 s of processor instead of 1.8 s for a service's start).
unexport PYTHONDONTWRITEBYTECODE
# Each worker has its share of the tests, in order, and then takes of the others': what a file sets up is set up once.
# Three of them for two cores: tests that start processes and wait for them leave a core idle for a third of the time.
BOTH_CORES := -q -n 3 --dist worksteal
# The rules of the house are a part of `check`, which runs beside the rest of the tests.
HOUSE := --ignore tests/test_house.py
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)

.PHONY: help demo run image test all check unit bench lock format clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

.uv/bin/uv:
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip --quiet --disable-pip-version-check install uv

# The running environment is a part of the developing one; a stamp per lock says which has been installed.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	@test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/run.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/tools.txt $(VENV)/.run
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/tools.txt
	@touch $@

demo: $(VENV)/.run ## watch an image tag travel from a registry to a Deployment (ARGS="--keep" leaves it running)
	@$(BIN)/image-automation demo $(ARGS)

run: $(VENV)/.run ## run the service (ARGS="--embedded --data-dir DIR" needs no cluster)
	@$(BIN)/image-automation run $(ARGS)

image: | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv) ## build the container image with buildah (ARGS="--arch arm64 --archive FILE")
	@$(PYTHON) scripts/image/build.py --uv $(UV) $(ARGS)

check: $(VENV)/.dev ## lint, types, import direction, house rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -q tests/test_house.py

unit: $(VENV)/.dev ## the tests alone (ARGS="-k name" chooses)
	@$(BIN)/pytest $(BOTH_CORES) $(BESIDE) $(ARGS)

# Beside each other: types take a core for a minute, and the tests wait for processes and clocks often enough.
test: $(VENV)/.dev ## everything that must pass before a merge
	@$(MAKE) --no-print-directory -j 2 check unit BESIDE="$(HOUSE)"

all: $(VENV)/.dev ## the same with the tests of tests/slow.txt, which take twenty seconds and more each
	@$(MAKE) --no-print-directory -j 2 check unit BESIDE="$(HOUSE) --slow"

bench: $(VENV)/.dev ## print every benchmark, each beside its peer or limit
	@for file in bench/bench_*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

format: $(VENV)/.dev ## rewrite the code in the project's style
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

lock: | $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv) ## resolve the dependencies anew into requirements/*.txt
	@$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements/run.txt
	@$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -c requirements/run.txt pyproject.toml --group dev -o requirements/dev.txt
	@$(UV) pip compile --quiet --universal --generate-hashes --no-deps --no-emit-index-url --no-header --python-version 3.11 --group pyproject.toml:tools -o requirements/tools.txt

clean: ## remove the environment and every cache
	@rm -rf $(VENV) .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
