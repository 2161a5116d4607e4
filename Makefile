# Everything a newcomer needs: `make quickstart`, `make test`. PYTHON picks the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Huge pages for large arrays: steps on a CPU are a little faster with them.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

.PHONY: help quickstart test lint clean

help:
	@echo "make quickstart   install, make textures, train a small model, draw what it learned"
	@echo "make test         install and run the tests"
	@echo "make lint         ruff: lint and format check"
	@echo "make clean        remove the quickstart's data and run"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; found: $$($(PYTHON) --version). Try: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt requirements-render.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/installed

data/quickstart/manifest.json: | $(VENV)/installed
	$(BIN)/python -m data_tools.make_textures --out data/quickstart --per-type 600 --size 32 \
	  --seed 0 --types cells_4 cells_1 liquid perlin_noise grunge_leaky_paint phasor

quickstart: $(VENV)/installed data/quickstart/manifest.json
	$(BIN)/python main.py --config=configs/onenoise/quickstart.py --workdir=runs/quickstart

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf data/quickstart runs/quickstart
