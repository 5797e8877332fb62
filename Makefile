# Parley: every command sets itself up; `make` alone lists them.
# Arguments pass through: make train ARGS="experiment=job_shop seed=1"

# The first of these that is Python 3.11 or newer makes the virtual environment.
PYTHON ?= python3.11 python3
ARGS ?=

PIP := .venv/bin/python -m pip --disable-pip-version-check
TORCH := $(shell grep '^torch==' requirements.lock)
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup train evaluate benchmark serve lint test test-long test-clients browser docs clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

setup: $(READY)  ## make .venv with the locked dependencies (the other commands do so by themselves)

train: $(READY)  ## train both policies; ARGS="..." are Hydra overrides
	.venv/bin/parley train $(ARGS)

evaluate: $(READY)  ## score trained policies and rules on fixed seeds; ARGS="..."
	.venv/bin/parley evaluate $(ARGS)

benchmark: $(READY)  ## measure speed and published benchmarks; ARGS="..."
	.venv/bin/parley benchmark $(ARGS)

serve: $(READY)  ## decide and plan over HTTP, on the loopback; ARGS="--port 0 --history decisions.db"
	.venv/bin/parley serve $(ARGS)

lint: $(READY)  ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

test: lint  ## every check: lint, then the tests; ARGS="..." go to pytest
	.venv/bin/python -m pytest $(ARGS)

test-long: $(READY)  ## keep every promise of the README in full (an hour), and write results/promises.md; ARGS="..." go to pytest
	.venv/bin/python -m scripts.long_run $(ARGS)

browser:  ## install chromium, in which the tests open reports (Debian and Ubuntu; as root, or with sudo)
	@command -v chromium >/dev/null || { \
	    if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
	    $$as apt-get update -qq && $$as apt-get install -y --no-install-recommends chromium fonts-dejavu-core; \
	}
	@chromium --version

# Each file of pins is a virtual environment on top of .venv, whose packages it sees where it has none of its own.
test-clients: $(READY)  ## other people's learners play: installs them (about 1 GB), runs the examples of docs/clients.md in full
	@for pins in tests/clients/*.txt; do \
	    folder=.venv-clients/$$(basename $$pins .txt); \
	    [ -x $$folder/bin/python ] || .venv/bin/python -m venv --without-pip $$folder || exit 1; \
	    below=$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	    own=$$($$folder/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	    echo "$$below" > "$$own/below.pth"; \
	    $$folder/bin/python -m pip --disable-pip-version-check install --quiet -r $$pins || exit 1; \
	    PARLEY_LONG=1 $$folder/bin/python -m pytest tests/clients tests/agents/networks/test_onnx.py -rs $(ARGS) || exit 1; \
	done

docs: $(READY)  ## build the site of the documentation into build/site; installs mkdocs (optional extra "docs")
	@.venv/bin/python -c 'import mkdocs, mkdocstrings, material' 2>/dev/null || $(PIP) install --quiet -r requirements-docs.lock
	.venv/bin/python -m scripts.site

clean:  ## remove caches, compiled kernels and build leftovers; .venv and results stay
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# The stamp is written last: a set-up that failed half-way is tried again.
# torch comes first, from a local folder of wheels (pip's find-links) or the index of CPU builds: the ordinary index, where
# the lock would take it from, gives Linux gigabytes of CUDA. It is the last resort.
$(READY): requirements.lock pyproject.toml
	@rm -f $@
	@for python in $(PYTHON); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "setting up .venv with $$("$$python" --version)"; exec "$$python" -m venv .venv; \
	    fi; \
	done; \
	echo "Parley needs Python 3.11 or newer, tried: $(PYTHON). Install it, or name it: make setup PYTHON=/path/to/python3" >&2; \
	exit 1
	@$(PIP) install --quiet --no-deps --no-index '$(TORCH)' 2>/dev/null \
	    || $(PIP) install --quiet --no-deps --retries 1 --index-url https://download.pytorch.org/whl/cpu '$(TORCH)' \
	    || echo "no CPU build of $(TORCH) within reach: taking it from the ordinary index"
	@echo "installing the locked dependencies: a minute or two"
	@$(PIP) install -qq -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@
