# Everything a developer types. `run` and `test` set up whatever they need.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV := uv==0.13.9
# Tests that kill servers and watch clocks have the machine to themselves; the others share its cores.
ALONE := tests/faults

.DEFAULT_GOAL := help
.PHONY: help run cluster flask test lint conf screenshots replay-image replay-machine restore-drill growth memory requirements clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile

run: $(INSTALLED) ## Start the service with its own PostgreSQL (or DATABASE_URL) on PORT, 8000 by default
	@exec $(BIN)/python -m local.run

cluster: $(INSTALLED) ## Start PostgreSQL, Redis, three instances and Nginx, as in production, on PORT, 8000 by default
	@local/servers.sh redis-server nginx
	@exec $(BIN)/python -m local.cluster

flask: $(INSTALLED) ## Run a command of the application on the database of make run; ARGS="new-blueprint things"
	@$(BIN)/python -m local.command $(ARGS)

test: $(INSTALLED) ## Run the tests; ARGS="-k login" goes to pytest
	@local/servers.sh redis-server nginx pgbouncer postgresql gettext-base openssl systemd curl jq nodejs chromium chromium-driver
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses logical --maxprocesses 4 --dist worksteal $(ALONE:%=--ignore=%))
	@$(if $(ARGS),,$(BIN)/python -m pytest $(ALONE))

lint: $(INSTALLED) ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

conf: $(INSTALLED) ## Make conf/nginx.conf of its template and conf/nginx.env
	@$(BIN)/python -m local.nginx

screenshots: $(INSTALLED) ## Take a picture of every page of the console, on desk and phone, by day and by night, into .local/screenshots
	@local/servers.sh redis-server chromium chromium-driver
	@SCREENSHOTS=.local/screenshots $(BIN)/python -m pytest tests/browser/test_pages.py

growth: $(INSTALLED) ## Measure reads and marking at several sizes; ARGS="--sizes 1000,100000"
	@local/servers.sh redis-server
	@$(BIN)/python -m bench.growth $(ARGS)

memory: $(INSTALLED) ## Measure what workers keep in memory under load; ARGS="--requests 20000"
	@local/servers.sh redis-server
	@$(BIN)/python -m bench.memory $(ARGS)

restore-drill: $(INSTALLED) ## Lose a busy database and restore it; ARGS="--accounts 20000" for a larger one
	@local/servers.sh redis-server postgresql
	@$(BIN)/python -m bench.restore_drill $(ARGS)

replay-image: $(INSTALLED) ## Follow deploy/Dockerfile in a clean Debian and serve from what it makes; as root, some minutes
	@local/servers.sh debootstrap redis-server postgresql
	@$(BIN)/python -m local.replay_image

replay-machine: $(INSTALLED) ## Boot a Debian and install the service on it as docs/operations.md says; as root, some minutes
	@local/servers.sh debootstrap systemd-container
	@$(BIN)/python -m local.replay_machine

requirements: $(INSTALLED) ## Pin what requirements*.in ask for, with hashes
	@$(BIN)/pip install --quiet "$(UV)"
	@local/pin.sh requirements requirements-dev

clean: ## Remove what was installed or generated; the data in .local/ stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.txt local/venv.sh
	@local/venv.sh $(VENV)
	@touch $@
