# make run      simulate the shipped network on its held-out images
# make test     every test; installs Icarus Verilog, Python's shared library and a headless
#               Chromium where they are missing
# make install  only the set-up: .venv with npusim, its dependencies and those of the tests
# make networks the int8 form of the shipped network, from its float form
# make docs     the documentation site, in build/site
# make lint     ruff and mypy            make bench     the benchmarks (minutes)

PYTHON ?= python3
BIN := .venv/bin
NETWORK := npusim/networks/digits
PYTEST_FLAGS ?= -n 2 --dist worksteal

export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: docs run test install lint bench networks simulators chromium tosa clean

run: install
	@$(BIN)/npusim run $(NETWORK)/digits_int8.onnx --input $(NETWORK)/digits_test.npz

test: install simulators chromium tosa
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

install: .venv/installed

.venv/installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "npusim needs Python 3.11 or newer, found $$($(PYTHON) --version 2>&1)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing. Install it with: apt-get install python3-venv"; exit 2; }
	@echo "Installing npusim and its pinned dependencies into .venv (once, about two minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
	  --constraint requirements.lock --editable '.[test]'
	@touch $@

networks: install
	$(BIN)/npusim quantize $(NETWORK)/digits_float.onnx --calibrate $(NETWORK)/digits_train.npz \
	  --as-published --io int8 -o $(NETWORK)/digits_int8.onnx

simulators: install
	@tests/install_simulators.sh

chromium:
	@for name in chromium-headless-shell chromium chromium-browser google-chrome; do \
	  command -v $$name >/dev/null && exit 0; done; \
	  tests/install_chromium.sh || echo "Tests of the report page will say that Chromium is missing."

# Arm's TOSA reference model pins other versions than npusim's: an environment of its own.
tosa: .venv-tosa/installed

.venv-tosa/installed:
	@$(PYTHON) -m venv .venv-tosa && .venv-tosa/bin/python -m pip install --quiet \
	  --disable-pip-version-check --no-input --only-binary :all: \
	  tosa-tools==2026.8.0 tosa-converter-for-tflite==2026.2.0 && touch $@ || \
	  echo "Tests with the TOSA reference model will say that it is missing."

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: install
	@for script in benchmarks/bench_*.py; do echo "== $$script"; \
	  $(BIN)/python -m benchmarks.$$(basename $$script .py) || exit 1; done

clean:
	rm -rf .venv .venv-tosa .tools sim_build build dist
