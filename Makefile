# Every task sets up what it needs in $(VENV); `make` alone lists them.
# pip reads its own settings (index, proxy, certificates) from the environment and its files; nothing here changes them.
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BROWSER := $(VENV)/.browser
AUDITOR := $(VENV)/audit/.ready
RELEASER := $(VENV)/release/.ready
INSTALLED := build/installed
# The code, and each part of the weights that has a project file of its own.
DISTRIBUTIONS := . $(patsubst %/pyproject.toml,%,$(wildcard models/pyproject.toml models/*/pyproject.toml models/*/*/pyproject.toml))
SITE = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
CANDIDATES := python3.11 python3.12 python3.13 python3 python
# A name on the path may be a shim that runs nothing, or lack the venv module; only one that answers counts.
IS_GOOD := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON = $(shell for p in $(CANDIDATES); do "$$p" -c "$(IS_GOOD)" >/dev/null 2>&1 && { echo "$$p"; break; }; done)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test golden docs check fix bench wheel site publish-dry-run
.DELETE_ON_ERROR:

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## judge the bundled story's backstory and print the verdict and the artefacts
	$(BIN)/python pipeline.py

test: $(READY) $(BROWSER) ## run the tests
	$(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

golden: $(READY) ## write the golden files anew; read the difference before you commit it
	$(BIN)/python -m pytest -q -k golden --update-golden

docs: $(READY) ## write the generated documents anew: flags, modules, figures, the marked places of other pages
	$(BIN)/python -m docs.generate

check: $(READY) $(AUDITOR) ## lint, formatting, types, the three laws, declared dependencies, the site with its links; known vulnerabilities where a network is there
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy pipeline.py
	$(BIN)/mypy run_dataset.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(SITE)
	@$(BIN)/python .ci/audit.py $(VENV)/audit/bin/pip-audit

fix: $(READY) ## fix what ruff can fix: imports, formatting, old spellings
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## time the reader and write a dated report under benchmarks/reports
	$(BIN)/python -m benchmarks

wheel: $(READY) $(RELEASER) ## build the wheels into dist/, check them, install them into an empty environment and try them
	rm -rf dist $(INSTALLED)
	set -e; for folder in $(DISTRIBUTIONS); do \
	  $(VENV)/release/bin/python -m build --no-isolation --wheel --outdir dist $$folder; done
	$(VENV)/release/bin/uv lock --check --no-config --default-index https://pypi.org/simple
	$(VENV)/release/bin/twine check --strict dist/*.whl
	$(BIN)/python -m venv $(INSTALLED)
	$(INSTALLED)/bin/python -m pip install -q -c requirements.txt -c constraints.txt dist/*.whl
	INSTALLED="$(CURDIR)/$(INSTALLED)" $(BIN)/python -m pytest -q tests/installed

site: $(READY) ## write the documents as a site into build/site; every link is checked
	$(SITE)

publish-dry-run: $(READY) ## lay out what would be on the Hugging Face Hub under dist/hub, and check every card
	$(BIN)/python -m release.hub --out dist/hub

# The stamp is written last: an installation that broke off is begun again.
$(READY): requirements.txt requirements-dev.txt constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with the venv module found (tried: $(CANDIDATES))." \
	  "Install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c "$(IS_GOOD)" 2>/dev/null || { echo "$(PYTHON) is not a Python 3.11 or newer with the venv module." >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON); once, a few minutes."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install -q -r requirements-dev.txt -c constraints.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

# Tried once; where no browser could be had, the tests that want one are skipped. Remove the stamp to try again.
$(BROWSER): $(READY)
	@$(BIN)/python -m tests.pipeline.browser.install
	@touch $@

# The auditor has an environment of its own, or its needs would be mixed with ours. Tried once, as the browser is.
$(AUDITOR): $(READY)
	@$(BIN)/python -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install -q pip-audit==2.10.1 || echo "pip-audit cannot be had; remove $@ to try again"
	@touch $@

# The tools of a release, which nothing else needs.
$(RELEASER): $(READY)
	@$(BIN)/python -m venv $(VENV)/release
	@$(VENV)/release/bin/python -m pip install -q build==1.6.1 hatchling==1.33.0 twine==7.0.0 uv==0.13.9
	@touch $@
