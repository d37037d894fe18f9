# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tiny matrices gain nothing from a second thread, and threads of two processes stall each other.
ONE_THREAD := OMP_NUM_THREADS=1
INSTALLED := $(VENV)/installed

.PHONY: demo test test-nights test-faults test-others test-page unit lint clean

demo: $(INSTALLED)
	$(BIN)/nightshift demo

# Three processes for two cores, each on one thread: much of the second waits for clocks and servers.
test: $(INSTALLED)
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=target --keep-going \
		test-nights test-faults test-others

test-nights: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m pytest -q --durations=10 tests/flows

test-faults: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m pytest -q --durations=10 tests/faults tests/shift

test-others: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m pytest -q --durations=10 --ignore=tests/flows \
		--ignore=tests/faults --ignore=tests/shift --ignore=tests/page

# In a real browser, which `make test` needs not.
test-page: $(INSTALLED)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null \
		|| { echo "the page's tests need a browser; try: apt-get install chromium chromium-driver"; exit 1; }
	$(ONE_THREAD) $(BIN)/python -m pytest -q tests/page

unit: $(INSTALLED)
	$(ONE_THREAD) $(BIN)/python -m pytest -q tests/unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nightshift needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(INSTALLED)

clean:
	rm -rf $(VENV) build *.egg-info
