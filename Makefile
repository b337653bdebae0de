# Every target does its own set-up; the first run needs a Python >= 3.11 and a package index.
PYTHON ?= python3
BIN := .venv/bin

WRITE_TESTS := tests/contract $(addprefix tests/, $(addsuffix *.py, $(addprefix unit/test_, \
	journal pipeline judge polling backfill feedback zendesk freshdesk request_tracker imap folder) \
	$(addprefix integration/test_, zendesk freshdesk request_tracker imap backfill)))

.PHONY: demo demo-zendesk test check coverage model campaign test-install picture lock clean

.venv/ready: pyproject.toml requirements/dev.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "SmartTicket needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: .venv/ready
	$(BIN)/smartticket demo

# Zendesk without an account: a double of it stands in.
demo-zendesk: .venv/ready
	$(BIN)/python -m tests.doubles.demo_zendesk

# Without Debian and root the servers cannot be installed; the tests that need them then skip by name.
test: check
	-tests/servers/install.sh
	-tests/servers/install_rt.sh
	$(BIN)/pytest -q -n 2 --dist worksteal

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/unit/test_layers.py tests/unit/test_docs.py

# Branch coverage of all that a write passes through; the real servers are part of it.
coverage: .venv/ready
	tests/servers/install.sh
	tests/servers/install_rt.sh
	$(BIN)/pytest -q -n 2 --dist worksteal --cov --cov-config=tests/write_paths.ini $(WRITE_TESTS)

# Root on Debian: the unit under a real systemd, then the image, both beside a real Dovecot.
test-install: .venv/ready
	tests/install/run.sh

model: .venv/ready
	$(BIN)/python -m smartticket_training.default

campaign: .venv/ready
	tests/servers/install.sh
	$(BIN)/python bench/crash.py --runs 1000 --seed 1
	$(BIN)/python bench/crash.py --runs 300 --seed 2 --lost-answers
	$(BIN)/python bench/crash.py --runs 200 --seed 3 --daemons 2
	$(BIN)/python bench/crash.py --runs 200 --seed 4 --connector imap
	$(BIN)/python bench/crash.py --runs 1000 --seed 1 --connector zendesk
	$(BIN)/python bench/crash.py --runs 1000 --seed 1 --connector freshdesk
	$(BIN)/python bench/crash.py --runs 460 --seed 2 --connector zendesk --lost-answers
	$(BIN)/python bench/crash.py --runs 250 --seed 2 --connector freshdesk --lost-answers
	$(BIN)/python bench/helpdesk_races.py --service zendesk --races 1000
	$(BIN)/python bench/helpdesk_races.py --service freshdesk --races 1000
	tests/servers/install_rt.sh
	$(BIN)/python bench/crash.py --runs 20 --seed 1 --connector request_tracker
	$(BIN)/python bench/helpdesk_races.py --service request_tracker --seconds 240
	$(BIN)/python bench/mixed.py --server dovecot
	$(BIN)/python bench/mixed.py --server cyrus
	$(BIN)/python bench/mail_fuzz.py --count 10000 --seed 1
	$(BIN)/python bench/hostile_texts.py --count 5000 --seed 1
	$(BIN)/python bench/helpdesk_hour.py --service zendesk
	$(BIN)/python bench/helpdesk_hour.py --service freshdesk
	$(BIN)/python bench/helpdesk_storm.py --calls 10000 --seed 1
	$(BIN)/python bench/mutants.py --writes
	$(BIN)/python bench/mutants.py

picture: .venv/ready
	$(BIN)/python docs/picture.py docs/demo.svg

lock:
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --group build -o requirements/build.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 pyproject.toml -o requirements/runtime.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --all-extras --group dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 --group bench -c requirements/dev.lock -o requirements/bench.lock

clean:
	rm -rf .venv build dist
