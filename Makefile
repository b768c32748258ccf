# Needs Python and make, nothing else: each target first makes the environment it runs in.
#   make test AIRFLOW=2.11         another Airflow line (pins/lines names them), in an environment of its own
#   make test PYTHON=python3.12    another interpreter; several are tried in turn
SHELL := bash
.DEFAULT_GOAL := help

DEFAULT := 3.3
AIRFLOW ?= $(DEFAULT)
PYTHON ?= python3 python3.13 python3.12 python3.11
# Lines and branches, in percent.
COVERED := 98

VENV := .venv$(if $(filter-out $(DEFAULT),$(AIRFLOW)),-$(AIRFLOW))
BIN := $(VENV)/bin
E2E := .venv-e2e
WORK := $(CURDIR)/.work/$(AIRFLOW)

# What is set outside must not change a result, and Airflow must not write outside this folder. Without
# compiled files every start of Airflow would take seconds longer.
unexport PYTHONDONTWRITEBYTECODE PYTHONPATH PYTHONHOME $(filter AIRFLOW_%,$(.VARIABLES))
export AIRFLOW_HOME := $(WORK)/airflow
export AIRFLOW__CORE__LOAD_EXAMPLES := False
export COVERAGE_FILE := $(WORK)/coverage

.PHONY: help venv test cli ui browser e2e e2e-quick e2e-pins matrix bench bench-quick bench-pins lint audit types format docs docs-build pictures demo examples airflow live trace soak pins build check-dist workflows clean

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' Makefile

venv: ## Make the environment, if it is not there or out of date
	@scripts/environment.sh $(AIRFLOW) $(VENV) $(PYTHON)
	@mkdir -p .work/$(AIRFLOW)

test: venv ## Run the tests under coverage, which has a floor on the default line
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report $(if $(filter $(DEFAULT),$(AIRFLOW)),--fail-under=$(COVERED))

CLI := .work/cli/node_modules/.bin/checkly
$(CLI):
	npm install --loglevel error --no-save --no-package-lock --no-audit --no-fund --prefix .work/cli checkly@8.23.2 # runs on Node 20, too

cli: venv $(CLI) ## Run Checkly's own command line tool against the emulator (needs npm)
	CHECKLY_CLI=$(CURDIR)/$(CLI) $(BIN)/python -m pytest tests/emulator/test_official_cli.py

e2e: ## Test on whole Airflows (PostgreSQL, Redis, Celery) whose processes are killed; about 25 minutes
	@scripts/environment.sh $(DEFAULT) $(E2E) $(PYTHON)
	@UV_SYSTEM_CERTS=true $(E2E)/bin/uv pip install --quiet --python $(E2E)/bin/python --no-deps -r pins/e2e.txt
	$(E2E)/bin/python -m pytest tests/e2e -m "not quick"

OXLINT := .work/oxlint/node_modules/.bin/oxlint
$(OXLINT):
	npm install --loglevel error --no-save --no-package-lock --no-audit --no-fund --prefix .work/oxlint oxlint@1.94.0

ui: $(OXLINT) ## Check style of the tab's JavaScript, and test it (needs npm)
	$(OXLINT) --deny-warnings -D correctness -D suspicious -D perf airflow_provider_checkly/ui tests/ui
	! grep -nE '^.{111}' airflow_provider_checkly/ui/static/*.mjs
	node --test tests/ui/

BROWSER := $(VENV)-browser
browser: ## Test the tab in a browser (Debian's package chromium) on a whole Airflow; pictures in .work/browser
	@scripts/environment.sh $(AIRFLOW) $(BROWSER) $(PYTHON)
	@UV_SYSTEM_CERTS=true $(BROWSER)/bin/uv pip install --quiet --python $(BROWSER)/bin/python --no-deps -r pins/browser.txt
	$(BROWSER)/bin/python -m pytest tests/browser

e2e-quick: venv ## Test the most important of it on SQLite, which needs nothing but Airflow
	$(BIN)/python -m pytest tests/e2e -m quick

BENCH := .venv-bench
BENCH_ENVIRONMENT = @scripts/environment.sh $(DEFAULT) $(BENCH) $(PYTHON) && \
	UV_SYSTEM_CERTS=true $(BENCH)/bin/uv pip install --quiet --python $(BENCH)/bin/python --no-deps -r pins/e2e.txt -r benchmarks/pins.txt

bench: ## Measure all that benchmarks/RESULTS.md holds, beside other providers; about 40 minutes
	$(BENCH_ENVIRONMENT)
	$(BENCH)/bin/python benchmarks/everything.py

bench-quick: ## Check the ratios of it, with generous margins; under two minutes
	$(BENCH_ENVIRONMENT)
	$(BENCH)/bin/python benchmarks/everything.py --quick

matrix: ## Run the tests of the installed wheel, and the demo, on every supported line of Airflow; print a table
	@scripts/matrix.sh

lint: venv ## Check style: ruff's rules and formatting, and that the shell scripts parse
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	for script in scripts/*.sh .ci/run; do bash -n $$script || exit; done

audit: venv ## Look up known vulnerabilities of all pinned packages
	@[ -x .venv-audit/bin/python ] || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-audit
	@UV_SYSTEM_CERTS=true $(BIN)/uv pip sync --quiet --python .venv-audit/bin/python pins/audit.txt
	@.venv-audit/bin/python scripts/audit.py pins/airflow-*.txt pins/browser.txt pins/e2e.txt

types: venv ## Check types with mypy
	$(BIN)/mypy
	$(BIN)/mypy scripts
	$(BIN)/mypy --strict --config-file= example_dags # as in a user's own project

format: venv ## Rewrite the Python files as ruff formats them
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

demo: ## Run the demo against a local emulator of Checkly
	@(while sleep 1; do ((++n % 4)) || echo "[$$n s] making $(VENV)"; done) & trap "kill $$! 2>/dev/null" EXIT; $(MAKE) --no-print-directory venv
	@$(BIN)/python scripts/demo.py

examples: venv ## Run every example DAG against a local emulator of Checkly, with each outcome of its checks
	$(BIN)/python -m pytest tests/test_examples.py

DOCS := .venv-docs
DOCS_ENVIRONMENT = @[ -x $(DOCS)/bin/python ] || $(BIN)/uv venv --quiet --python $(BIN)/python $(DOCS); \
	UV_SYSTEM_CERTS=true $(BIN)/uv pip sync --quiet --python $(DOCS)/bin/python pins/docs.txt
export NO_MKDOCS_2_WARNING := 1

docs: venv ## Serve the documentation at http://127.0.0.1:8000, and follow changes
	$(DOCS_ENVIRONMENT)
	$(DOCS)/bin/mkdocs serve

docs-build: venv ## Build the documentation into .work/site; warnings and dead links are errors
	$(DOCS_ENVIRONMENT)
	$(DOCS)/bin/mkdocs build --strict --quiet --site-dir .work/site
	$(DOCS)/bin/python scripts/docs_links.py .work/site

pictures: ## Take the pictures of docs/images from a whole Airflow (Debian's package chromium)
	@scripts/environment.sh $(AIRFLOW) $(BROWSER) $(PYTHON)
	@UV_SYSTEM_CERTS=true $(BROWSER)/bin/uv pip install --quiet --python $(BROWSER)/bin/python --no-deps -r pins/browser.txt
	$(BROWSER)/bin/python scripts/pictures.py

airflow: venv ## Leave Airflow's UI, the example DAGs and a local Checkly running, until Ctrl-C
	$(BIN)/python scripts/playground.py

trace: venv ## Print the functions that a deferred run goes through, file by file
	@$(BIN)/python scripts/trace.py

live: venv ## Compare the real Checkly with the emulator (CHECKLY_ACCOUNT_ID, CHECKLY_API_KEY; it changes nothing)
	$(BIN)/python scripts/live.py

soak: venv ## Wait for 500 sessions over 20 minutes under random faults, and look for leaks
	$(BIN)/python scripts/soak.py

pins: ## Resolve all Airflow lines anew, to the newest packages that fit
	@[ -x .venv/bin/uv ] || scripts/environment.sh $(DEFAULT) .venv $(PYTHON)
	scripts/pins.sh .venv/bin/uv

e2e-pins: ## Resolve what Airflow needs in addition for PostgreSQL and Celery
	@[ -x .venv/bin/uv ] || scripts/environment.sh $(DEFAULT) .venv $(PYTHON)
	scripts/pins_e2e.sh .venv/bin/uv

bench-pins: ## Resolve the providers that the benchmarks compare with
	@[ -x .venv/bin/uv ] || scripts/environment.sh $(DEFAULT) .venv $(PYTHON)
	@benchmarks/pins.sh .venv/bin/uv pins/airflow-$$(awk '$$1 == "$(DEFAULT)" { print $$2 }' pins/lines).txt

DIST := dist
build: venv ## Build the wheel and the source archive into dist/
	$(BIN)/uv build --no-build-isolation --python $(BIN)/python --out-dir $(DIST)

TOOLS := .venv-release
TOOLS_ENVIRONMENT = @[ -x $(TOOLS)/bin/python ] || $(BIN)/uv venv --quiet --python $(BIN)/python $(TOOLS); \
	UV_SYSTEM_CERTS=true $(BIN)/uv pip sync --quiet --python $(TOOLS)/bin/python pins/release.txt

check-dist: venv ## Check what is in dist/ as PyPI does
	$(TOOLS_ENVIRONMENT)
	$(TOOLS)/bin/twine check --strict $(DIST)/*

workflows: venv ## Check the workflows and the issue templates (zizmor and GitHub's schemas)
	$(TOOLS_ENVIRONMENT)
	$(TOOLS)/bin/zizmor --offline --quiet .github
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(TOOLS)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

clean: ## Remove everything that make made
	rm -rf .venv .venv-* .work build dist htmlcov .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name .git -prune -o -name __pycache__ -prune -exec rm -rf {} +
