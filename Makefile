# Strongroom: everything a newcomer needs, on a machine with Python >= 3.11 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PEERS  := $(VENV)/.peers
TORCH  := $(VENV)/.torch
LOCK   := uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet
# The encoder is trained in an environment of its own: the product never imports torch.
FIREWALL     ?= $(firstword $(wildcard ../*/data/firewall))
ENCODER_VENV ?= models/injection/build/venv
TRAIN        := $(BIN)/python -m strongroom.guard.training
TRAIN_ARGS   := --firewall $(FIREWALL) --out models/injection/build

.PHONY: help setup peers torch demo test test-slow check format bench derive docs lock clean

help: ## what you can make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

setup: $(STAMP) ## make .venv with what demo, tests and benches need

$(STAMP): requirements/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit("Strongroom needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

peers: $(PEERS) ## add the servers and clients that the tests of integrations meet (about 1 GB)

$(PEERS): $(STAMP) requirements/peers.txt
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/peers.txt
	@touch $@

torch: $(TORCH) ## add PyTorch and Opacus, for nets (about 1 GB; in no lock: the build is your choice)

$(TORCH): $(STAMP) pyproject.toml
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[torch]'
	@touch $@

demo: setup ## the whole hall on a payment-fraud model, in about a minute
	$(BIN)/strongroom demo

test: setup ## the everyday suite
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile

test-slow: setup ## the long ones: kill tests, fuzzing, real data
	$(BIN)/python -m pytest -m slow -n auto --dist loadfile

check: setup ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## rewrite to the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## measure beside the peers, and write docs/benchmarks.md
	$(BIN)/python -m bench

derive: setup ## write the pages of docs/ that are made from code and data
	$(BIN)/python tools/derive.py

docs: setup ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

train-injection: setup ## make models/injection anew from the corpora (FIREWALL=folder, minutes; see its README)
	@test -d "$(FIREWALL)" || { echo "needs the corpora of models/injection/data.md: make train-injection FIREWALL=<folder>"; exit 2; }
	$(TRAIN) examples $(TRAIN_ARGS)
	$(TRAIN) ngrams $(TRAIN_ARGS)
	test -x $(ENCODER_VENV)/bin/python || { $(PYTHON) -m venv $(ENCODER_VENV) && $(ENCODER_VENV)/bin/pip install -q -r models/injection/recipe/requirements.txt; }
	$(ENCODER_VENV)/bin/python models/injection/recipe/train_encoder.py models/injection/build/examples.jsonl models/injection/build
	$(ENCODER_VENV)/bin/python models/injection/recipe/export_encoder.py models/injection/build models/injection
	$(TRAIN) calibrate $(TRAIN_ARGS)
	$(TRAIN) evaluate $(TRAIN_ARGS)

lock: ## refresh the locks (needs uv)
	$(LOCK) pyproject.toml -o requirements/core.txt
	$(LOCK) --extra everything --group dev --group bench --group docs --group peers pyproject.toml -o requirements/peers.txt
	$(LOCK) -c requirements/peers.txt --extra all --group dev --group bench --group docs pyproject.toml -o requirements/dev.txt

clean: ## remove what was made
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
