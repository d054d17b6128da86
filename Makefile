# The front door. `make run` and `make test` do all set-up by themselves (as root on Debian).

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
INPUTS := pyproject.toml hatch_build.py constraints.txt scripts/setup scripts/debian-packages \
          scripts/orlop scripts/orlop-runtime

.PHONY: run setup launcher test unit itest vm-test lint fmt fuzz bench clean

run: .venv/.run launcher  ## an engine, a container with limits, what it uses, and what isolates it
	@examples/first_steps.sh

setup: .venv/.test launcher  ## everything that development needs

.venv/.run .venv/.test: $(INPUTS)
	scripts/setup $(@F:.%=%)
	@touch $@ .venv/.run

launcher:
	@$(MAKE) --silent -C launch

test: unit itest  ## all tests that run on this machine

unit: setup
	$(MAKE) -C launch test
	$(PYTEST) tests/unit

itest: setup
	scripts/itest

vm-test: setup  ## the tests of cgroup v2, AppArmor and SELinux, in a virtual machine
	scripts/vm-test

lint: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/codespell
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(MAKE) -C launch lint tidy

fmt: setup
	.venv/bin/ruff check --fix
	.venv/bin/ruff format
	PATH="$(CURDIR)/.venv/bin:$$PATH" $(MAKE) -C launch fmt

fuzz: setup
	$(MAKE) -C launch fuzz

bench: setup  ## the runtime, then the engine, beside their peers
	$(PYTHON) -m bench
	$(PYTHON) -m bench.containers
	$(PYTHON) -m bench.networks
	$(PYTHON) -m bench.pulling
	$(PYTHON) -m bench.observing
	$(PYTHON) -m bench.shim

clean:
	$(MAKE) -C launch clean
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
