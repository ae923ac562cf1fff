# Every target does its own set-up: the environment lives in .venv and is rebuilt when what it is made of changes.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info < (3, 13)))' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin

.PHONY: setup demo test lint types benchmark benchmark-page benchmark-tables benchmark-backfill docs results audit peers clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "needs Python 3.11 or 3.12 (set PYTHON=/path/to/python)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/astranet demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: setup
	$(BIN)/mypy

# Tests marked slow (more than ten seconds each) run where the real data are and in CI; elsewhere with `make test CI=1`.
MARKS := not benchmark$(if $(or $(ASTRANET_DATA_DIR),$(CI)),, and not slow)

# Two processes, each with whole files of tests; `make test WORKERS=0` runs them in one, as a debugger wants it.
WORKERS ?= 2

test: lint types
	$(BIN)/python -m pytest -m '$(MARKS)' -n $(WORKERS) --dist loadfile --max-worker-restart=0

benchmark: setup
	$(BIN)/python -m pytest -m benchmark tests/benchmarks -s --timeout=0 -o faulthandler_timeout=0

# docs/results/backfill.md and .json: one worker and two, growth and memory, on noise copies of DATA (a Parquet file).
benchmark-backfill: setup
	OMP_NUM_THREADS=1 BACKFILL_DATA='$(DATA)' $(BIN)/python -m tests.benchmarks.backfill docs/results
	$(MAKE) benchmark-tables

# docs/results/benchmarks.json, and from it benchmarks.md and the tables of docs/scaling.md: what each part costs, and how it
# grows. Some ten minutes on two quiet cores and some gigabytes of disc; `make benchmark-tables` makes the pages anew alone.
benchmark-page: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.costs

benchmark-tables: setup
	$(BIN)/python -m tests.benchmarks.costs --pages

# Other programs beside ours on SPECTRA (a folder with labels.csv), or on spectra drawn from DATA; TEMPLATES are those of
# SNID-SAGE. Each program has an environment of its own; one that cannot be installed is skipped with a sentence.
SPLIT ?= select
EACH ?= 20
OUT ?= docs

peers: setup build/peers/snid-sage/.tried
	$(BIN)/astranet evaluate peers --out '$(OUT)' --split $(SPLIT) --each $(EACH) $(if $(SPECTRA),--spectra '$(SPECTRA)') \
		$(if $(DATA),--data '$(DATA)') $(if $(TEMPLATES),--snid-templates '$(TEMPLATES)')

build/peers/%/.tried: plugin/lab/peers/%.txt
	rm -rf build/peers/$*
	-$(PYTHON) -m venv build/peers/$* && build/peers/$*/bin/python -m pip install --quiet --only-binary :all: \
		--requirement $< || rm -rf build/peers/$*
	@mkdir -p build/peers/$* && touch $@

# The documentation as one site: build/site/index.html.
docs: setup
	PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --config-file deploy/site/mkdocs.yml

# Every page of the science report anew from DATA, a folder with real spectra and light curves: some hours on two cores.
# One that fails leaves its page as it was, and the rest are made.
REPORT := spectra members sentinel conformal coverage redshift luminosity looked similar \
	needle needle-checks needle-hybrid hosts drift

results: setup
	@test -d "$(DATA)" || { echo "make results DATA=FOLDER"; exit 2; }
	@failed=""; for page in $(REPORT); do echo "== $$page"; \
		$(BIN)/astranet evaluate $$page --data '$(DATA)' --out docs/results || failed="$$failed $$page"; done; \
	$(BIN)/astranet evaluate notes --data '$(DATA)' --out docs || failed="$$failed notes"; \
	$(BIN)/astranet sandbox examples --out docs || failed="$$failed examples"; \
	test -z "$$failed" || { echo "not made:$$failed"; exit 1; }

# What is known against our dependencies (asks PyPI, so it needs the network), and what a linter finds against our code.
audit: setup
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive plugin iris_client models
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv build dist demo-output
