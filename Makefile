# `make help` lists what there is. `make run`, `make quick` and `make test` are the three that matter.
.DEFAULT_GOAL := help
CARGO ?= cargo
DATA_DIR ?= .calmony

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: postgres ## Build, then run everything on this machine: PostgreSQL, API, worker and an inbox that shows webhooks
	$(CARGO) build --release --package calmony-pay --package outbox-worker
	target/release/calmony dev --data-dir $(DATA_DIR)

.PHONY: test
test: postgres pgbouncer ## Run every test, against a private PostgreSQL (ONLY=api::products: some, by the beginning of their names)
	$(CARGO) build --workspace --bins
	$(CARGO) test $(if $(ONLY),--package calmony-tests --test calmony -- $(ONLY),--workspace --no-fail-fast)

.PHONY: quick
quick: ## Check format, the domain's rules, the contract and the habits of the code: no database, for every save
	$(CARGO) fmt --all --check
	$(CARGO) test --package calmony-pay --lib -- --quiet domain:: http::error
	$(CARGO) test --package calmony-tests --test calmony -- --quiet \
		contract::tidy contract::circles contract::docs contract::limits contract::open contract::pinned contract::breaking \
		cli::documented::whatever cli::documented::no_command

.PHONY: test-postgres
test-postgres: pgbouncer ## Run the black-box tests and the first minute on another PostgreSQL (VERSION=14 to 18; SHORT=1: some tests)
	$(CARGO) build --workspace --bins
	CARGO="$(CARGO)" ./scripts/test-postgres $(VERSION) $(if $(SHORT),--short)

.PHONY: test-sdk
test-sdk: postgres ## Run the official Stripe packages, and clients generated from the contract, against the programs
	$(CARGO) build --package calmony-pay --package outbox-worker
	./scripts/test-sdk

.PHONY: test-browser
test-browser: postgres ## Run the dashboard in a real Chromium (SCREENSHOTS=1: write docs/screenshots anew)
	$(CARGO) build --package calmony-pay --package outbox-worker
	SCREENSHOTS=$(SCREENSHOTS) ./scripts/test-browser

.PHONY: test-failover
test-failover: postgres ## Kill APIs and workers behind HAProxy under the load of the official Stripe package (SECONDS=…)
	$(CARGO) build --package calmony-pay --package outbox-worker
	./scripts/test-failover

.PHONY: test-upgrade
test-upgrade: postgres ## Upgrade from another version under load, without a call that fails (FROM=… a commit)
	$(CARGO) build --package calmony-pay --package outbox-worker
	./scripts/test-upgrade $(FROM)

.PHONY: check-deploy
check-deploy: postgres ## Check deploy/ with promtool, systemd-analyze, haproxy, lintian and the schemas of Kubernetes
	$(CARGO) build --release --package calmony-pay --package outbox-worker
	./scripts/check-deploy

.PHONY: deb
deb: ## Make the Debian package
	$(CARGO) build --release --package calmony-pay --package outbox-worker
	deploy/debian/build

.PHONY: fuzz
fuzz: postgres ## Hold the API against its contract with schemathesis (EXAMPLES=…)
	$(CARGO) build --package calmony-pay --package outbox-worker
	./scripts/fuzz

.PHONY: torture
torture: postgres ## Kill for long: 200 faults, 200 kills of payments (FAULTS=…) and all steps of one; repeatable by SEED=…
	$(CARGO) build --workspace --bins
	CALMONY_FAULTS=$(or $(FAULTS),200) $(if $(SEED),CALMONY_SEED=$(SEED)) \
		$(CARGO) test --package calmony-tests --test calmony -- --nocapture --test-threads=1 \
		faults::torture faults::payments faults::steps

.PHONY: lint
lint: ## Check format, lints and documentation; every warning fails
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

.PHONY: fmt
fmt: ## Format the code
	$(CARGO) fmt --all

.PHONY: contract
contract: ## Write schema/openapi.json anew from the code; refuses what would break clients
	CALMONY_PIN=1 $(CARGO) test --package calmony-tests --test calmony -- the_pinned_contract_is_what_the_code_says
	CALMONY_PIN=1 $(CARGO) test --package calmony-pay --lib -- the_table_of_errors

.PHONY: bench
bench: postgres ## Measure everything beside the ceilings of this machine (WRITE=1: into docs/BENCHMARKS.md; SCENARIOS=…)
	$(CARGO) build --release --workspace --bins
	target/release/bench $(SCENARIOS) $(if $(WRITE),--write)

.PHONY: bench-quick
bench-quick: postgres ## Compare some ratios with the committed ones, in two minutes; fails when one fell by a quarter (KEEP=1: commit these)
	$(CARGO) build --release --workspace --bins
	target/release/bench quick $(if $(KEEP),--keep)

.PHONY: attack
attack: postgres ## Attack the release programs beside a peer, on loopback, within five minutes (NAMES=… for some; JSON=FILE)
	$(CARGO) build --release --package calmony-pay --package outbox-worker
	./scripts/attack $(NAMES) $(if $(JSON),--json $(JSON))

.PHONY: pgbouncer
pgbouncer: # Install PgBouncer, for a test, where it is missing and can be installed
	@PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || ./scripts/install pgbouncer || \
		{ echo "PgBouncer is missing: apt-get install pgbouncer" >&2; exit 1; }

.PHONY: postgres
postgres: # Install PostgreSQL where it is missing and can be installed
	@./scripts/ensure-postgres
