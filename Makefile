# What people and CI type. Each target is one line; what it does stands in scripts/.

.PHONY: help demo setup check test clients edge-clients alertmanager bench bench-edge crash edge-crowd edge-errors edge-incident edge-seeds edge-soak faulty-disk fuzz keys cascade register-session sarif guard-speed dist eval eval-generated generate tighten

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build Casebook and watch it find out what broke (SCENARIO=bad-deploy, slow-database, all, ...)
	@cargo run --quiet --locked --package cli -- demo $(if $(SCENARIO),--scenario $(SCENARIO)) $(ARGS)

setup: ## install what checks and tests need beside cargo
	@scripts/setup.sh

check: setup ## format, lints, tidy, spelling, dependencies, generated documents
	@scripts/check.sh

test: ## make check, then every test: what CI runs
	@scripts/test.sh

clients: setup ## only the OpenTelemetry SDKs against the real server
	@scripts/clients.sh

edge-clients: setup ## only viem, ethers and web3.py through the real edge, while nodes die and freeze
	@scripts/edge-clients.sh

alertmanager: setup ## only the real Alertmanager against the real server
	@scripts/alertmanager.sh

bench: ## measure ingest (ARGS=peers: beside the Collector and rotel); figures and method are in bench/README.md
	@scripts/bench.sh $(ARGS)

bench-edge: ## the failover proxy beside nginx and HAProxy (Debian: nginx-light, haproxy); figures are in bench/README.md
	@scripts/bench.sh edge $(ARGS)

dist: ## a static binary, its bill of materials, a container file and checksums, in dist/
	@scripts/dist.sh

crash: ## kill -9 the server fifty times under load and account for every event (ROUNDS=50)
	@scripts/crash.sh $(or $(ROUNDS),50)

edge-crowd: ## ten thousand idle clients and a million ids at the real edge: what each costs it, and that it answers (needs a hard limit of 11 000 open files)
	@cargo test --quiet --locked --release --package edge --test integration -- --ignored --nocapture ten_thousand

edge-errors: ## what HTTP reads at 200 a second see of each error class on one of two nodes (SECONDS=30)
	@cargo run --quiet --locked --release --package sim --bin edge-errors -- --seconds $(or $(SECONDS),30) --out bench/results/edge-errors.json

edge-seeds: ## the edge's core among nodes that fail, in virtual time: 10 000 seeded trials (COUNT=10000, SEED=1)
	@cargo run --quiet --locked --release --package sim --bin edge-seeds -- --seed $(or $(SEED),1) --count $(or $(COUNT),10000)

edge-soak: ## the real edge with 500 clients and 500 calls a second while nodes fail and it is reloaded (SECONDS=120, SEED=1, ARGS=...)
	@cargo build --quiet --locked --release --package edge --package sim --bin casebook-edge --bin edge-soak
	@target/release/edge-soak --seed $(or $(SEED),1) --seconds $(or $(SECONDS),120) $(ARGS)

faulty-disk: ## the journal on a disk that fails, fills up, loses power and rots: 2 000 seeded trials (COUNT=2000, SEED=1)
	@cargo run --quiet --locked --release --package sim --bin faulty-disk -- --seed $(or $(SEED),1) --count $(or $(COUNT),2000)

fuzz: setup ## ten million executions of each fuzz target (TARGET=traces_json, RUNS=10000000); what they promise: fuzz/README.md
	@scripts/fuzz.sh $(or $(TARGET),all) $(or $(RUNS),10000000)

keys: ## made-up keys against the real server, beside a client with a good one (KEYS=20000)
	@scripts/keys.sh --keys $(or $(KEYS),20000)

cascade: ## a cascade must open one incident within seconds, twenty times (RUNS=20)
	@CASCADE_RUNS=$(or $(RUNS),20) scripts/cascade.sh

edge-incident: ## a node dies behind the edge: one incident names it, and says that no client was affected
	@scripts/edge-incident.sh $(ARGS)

register-session: ## from an outage to a closed RCA document whose rule a guard keeps: one session in the register
	@scripts/register-session.sh

sarif: setup ## what guards print as SARIF is valid by the public schema, and a viewer of others shows it
	@scripts/sarif.sh

guard-speed: ## guards of every kind over 100 000 lines, and this repository's own, within ten seconds each
	@scripts/guard-speed.sh

eval: ## run labelled cases and score the answers (CASES=DIR, ARGS="--only NAME")
	@cargo run --quiet --locked --package cli -- eval $(or $(CASES),$(error CASES=DIR is the folder of the cases)) $(ARGS)

eval-generated: ## score 500 cases from fixed seeds, then 500 others with twice the noise (COUNT=500, ARGS=--misses)
	@cargo run --quiet --locked --release --package sim --bin eval-generated -- --seed 1 --count $(or $(COUNT),500) $(ARGS)
	@cargo run --quiet --locked --release --package sim --bin eval-generated -- --seed 1000001 --count $(or $(COUNT),500) --noise 2 $(ARGS)

generate: ## write the documents that come from registers
	@cargo xtask generate

tighten: ## lower the size exceptions in xtask/ratchet.toml to what is needed now
	@cargo xtask tidy --tighten
