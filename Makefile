# Everything runs in virtual environments that make creates; nothing else needs setting up.
#
#   make demo       train on digits and diabetes beside scikit-learn, print the table, write pictures to demo/
#   make pictures   what gradient descent looks like, on real runs: to demo/, and README's to benchmarks/results/
#   make nist       correct digits on NIST's certified regressions
#   make test       lint, types, format, and the whole test suite on every instruction set of this CPU
#   make bench      measured beside NumPy and Cython (bench-loops), and beside torch, JAX and scikit-learn
#                   (bench-peers: writes tables and pictures, and README's block of them); verified first
#   make bench-minimize  steps a second of minimize on compiled functions, beside Python's and SciPy's
#   make parity     200 steps of every preset beside torch, Keras, optax, schedulefree and scikit-learn, and masks
#                   beside torch, live
#   make sanitize   the tests of compiled code under ASan + UBSan, and the threaded ones under TSan
#   make dist       sdist and wheel, and a test that the sdist builds by itself
#   make format     format everything
#   make clean      remove what the others made
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find csrc -type f) CMakeLists.txt pyproject.toml
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export CMAKE_BUILD_PARALLEL_LEVEL ?= 2

.PHONY: demo pictures nist test lint check bench bench-loops bench-peers bench-minimize bench-smoke parity sanitize \
	dist format clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

# Build tools and everything that tests and linters need; again when pyproject.toml changes.
$(VENV)/.tools: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet "scikit-build-core>=1.1" "pybind11>=3.1" "cmake>=3.20" ninja
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

# The package itself, editable, with warnings as errors; again when a C++ or build file changes.
$(VENV)/.installed: $(SOURCES) $(VENV)/.tools
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation \
	    -C cmake.define.STEEPEST_WERROR=ON -e ".[all]"
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python benchmarks/demo.py
	$(BIN)/python benchmarks/bases.py

pictures: $(VENV)/.installed
	$(BIN)/python benchmarks/pictures.py

nist: $(VENV)/.installed
	$(BIN)/python benchmarks/certified.py

lint: $(VENV)/.tools $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	find csrc \( -name '*.hpp' -o -name '*.cpp' \) -print0 | xargs -0 $(BIN)/clang-format --dry-run --Werror

check: $(VENV)/.installed
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test: lint check bench-smoke

# Each benchmark once, without timing: they verify their answers. Peers that are not installed are left out.
bench-smoke: $(VENV)/.installed
	$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' --benchmark-disable -q
	$(BIN)/python benchmarks/peers --smoke
	$(BIN)/python benchmarks/compiled.py --smoke

# The peers are heavy, and only make bench needs them.
$(VENV)/.peers: pyproject.toml $(VENV)/.tools
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

bench: bench-loops bench-peers

# PARTS="training sweep" measures only these again; the others' numbers are kept.
bench-peers: $(VENV)/.installed $(VENV)/.peers
	$(BIN)/python benchmarks/peers $(PARTS)

bench-minimize: $(VENV)/.installed
	$(BIN)/python benchmarks/compiled.py

bench-loops: $(VENV)/.installed
	$(BIN)/python -m pytest benchmarks -o python_files='bench_*.py' --benchmark-only \
	    --benchmark-disable-gc --benchmark-columns=median,iqr,rounds,iterations --benchmark-sort=name -q

parity: $(VENV)/.installed $(VENV)/.peers
	$(BIN)/python tests/vectors/make_optimizer_vectors.py
	$(BIN)/python tests/vectors/make_clipping.py
	$(BIN)/python tests/vectors/make_pruning_vectors.py

sanitize: $(VENV)/.installed
	./tests/sanitize.sh $(abspath $(VENV))

dist: $(VENV)/.tools
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv --clear build/venv-dist
	build/venv-dist/bin/python -m pip install --quiet dist/*.whl
	cd build && venv-dist/bin/python -m steepest

format: $(VENV)/.tools
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find csrc \( -name '*.hpp' -o -name '*.cpp' \) -print0 | xargs -0 $(BIN)/clang-format -i

clean:
	rm -rf $(VENV) .venv-* build dist demo .pytest_cache .mypy_cache .ruff_cache .hypothesis benchmarks/_build
