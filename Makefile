# Everything a developer types. `run` and `test` set up whatever they need.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV := uv==0.13.9
# Tests that kill servers and watch clocks have the machine to themselves; the others share its cores, one more at a time
# than there are, for some wait.
ALONE := tests/faults
# What runs in production.
SHIPPED := ofektom blueprints conf deploy migrations wsgi.py
# Other frameworks, to be measured beside ours, and what draws the plots.
PEERS := .venv-peers

.DEFAULT_GOAL := help
.PHONY: help run cluster flask test fuzz model parsers lint security sbom conf bench screenshots replay-image replay-machine restore-drill growth memory faults sabotage requirements clean

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
	@$(BIN)/python -m pytest $(or $(ARGS),--numprocesses $$(($$(nproc) + 1)) --maxprocesses 4 --dist worksteal $(ALONE:%=--ignore=%))
	@$(if $(ARGS),,$(BIN)/python -m pytest $(ALONE))

fuzz: $(INSTALLED) ## Have schemathesis send N requests of everybody, 24000 by default; SEED=7 repeats a run
	@local/servers.sh redis-server
	@$(BIN)/python -m tests.fuzz $(if $(N),--requests $(N)) $(if $(SEED),--seed $(SEED))

model: $(INSTALLED) ## Play N sequences of acts against books kept by hand, 1000 by default; SEED=7 repeats a run
	@local/servers.sh redis-server
	@$(BIN)/python -m tests.model $(if $(N),--sequences $(N)) $(if $(SEED),--seed $(SEED))

parsers: $(INSTALLED) ## Try N examples on each parser of what comes from outside, 20000 by default
	@local/servers.sh redis-server
	@PARSER_EXAMPLES=$(or $(N),20000) $(BIN)/python -m pytest tests/hostile/test_parsers.py

lint: $(INSTALLED) ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

security: $(INSTALLED) ## Look for what is unsafe in the code, and for known vulnerabilities in what is pinned
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(SHIPPED)
	@$(BIN)/ruff check --select S .
	@$(BIN)/python -m local.audit

sbom: $(INSTALLED) ## Write what the service is made of, as CycloneDX, to .local/sbom.cdx.json
	@mkdir -p .local
	@$(BIN)/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible --no-validate --output-file .local/sbom.cdx.json

conf: $(INSTALLED) ## Make conf/nginx.conf of its template and conf/nginx.env
	@$(BIN)/python -m local.nginx

screenshots: $(INSTALLED) ## Take a picture of every page of the console, on desk and phone, by day and by night, into .local/screenshots
	@local/servers.sh redis-server chromium chromium-driver
	@SCREENSHOTS=.local/screenshots $(BIN)/python -m pytest tests/browser/test_pages.py

bench: $(INSTALLED) $(PEERS)/.installed ## Measure limits, us and peers, and write them to docs/performance.md; ARGS="--only us --rounds 2"
	@local/servers.sh redis-server nginx apache2-utils
	@$(BIN)/python -m bench.compare --peers $(PEERS)/bin/python $(ARGS)

growth: $(INSTALLED) $(PEERS)/.installed ## Measure reads and marking at several sizes; ARGS="--sizes 1000,100000"
	@local/servers.sh redis-server
	@$(BIN)/python -m bench.growth $(ARGS)
	@$(PEERS)/bin/python -m bench.plots bench/results/growth.json docs/images

memory: $(INSTALLED) $(PEERS)/.installed ## Measure what workers keep in memory under load; ARGS="--requests 20000"
	@local/servers.sh redis-server
	@$(BIN)/python -m bench.memory $(ARGS)
	@$(PEERS)/bin/python -m bench.plots bench/results/memory.json docs/images

restore-drill: $(INSTALLED) ## Lose a busy database and restore it; ARGS="--accounts 20000" for a larger one
	@local/servers.sh redis-server postgresql
	@$(BIN)/python -m bench.restore_drill $(ARGS)

faults: $(INSTALLED) ## Harm the service over and over and count what is lost; N=20 ARGS="--seed 7" for the long run
	@local/servers.sh redis-server nginx postgresql
	@$(BIN)/python -m bench.faults -n $(or $(N),1) $(ARGS)

sabotage: $(INSTALLED) ## Make lines of the source wrong, one at a time, and see that a test notices each
	@local/servers.sh redis-server nginx postgresql
	@$(BIN)/python -m bench.sabotage $(ARGS)

replay-image: $(INSTALLED) ## Follow deploy/Dockerfile in a clean Debian and serve from what it makes; as root, some minutes
	@local/servers.sh debootstrap redis-server postgresql
	@$(BIN)/python -m local.replay_image

replay-machine: $(INSTALLED) ## Boot a Debian and install the service on it as docs/operations.md says; as root, some minutes
	@local/servers.sh debootstrap systemd-container
	@$(BIN)/python -m local.replay_machine

requirements: $(INSTALLED) ## Pin what requirements*.in ask for, with hashes
	@$(BIN)/pip install --quiet "$(UV)"
	@local/pin.sh requirements requirements-dev bench/peers/requirements

clean: ## Remove what was installed or generated; the data in .local/ stays
	rm -rf $(VENV) $(PEERS) .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements-dev.txt local/venv.sh
	@local/venv.sh $(VENV) requirements-dev.txt
	@touch $@

$(PEERS)/.installed: bench/peers/requirements.txt local/venv.sh
	@local/venv.sh $(PEERS) bench/peers/requirements.txt
	@touch $@
