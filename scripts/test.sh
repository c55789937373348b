#!/usr/bin/env bash
# Every test, after every check. What CI runs; from a cold clone too.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh
. scripts/build.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# In one command, so that every library is compiled once: `cargo test` builds nothing after it, nor do the steps that start programs.
everything() {
    cargo build --locked --workspace --all-targets
}

rust_tests() {
    cargo test --locked --workspace --no-fail-fast 2>&1 | tee "$log"
}

# How many tests ran, by cargo's own words. None is a failure: then something did not do what it says.
count_tests() {
    awk '/^test result:/ { binaries++; passed += $4; failed += $6; ignored += $8 }
         END { printf "Rust tests: %d passed, %d failed, %d ignored, in %d binaries\n", passed, failed, ignored, binaries; exit !passed }' "$log"
}

vectors() {
    target/venv/bin/python doc/formats/vectors/verify.py --self-test && target/venv/bin/python doc/formats/vectors/verify.py
}

# ours PACKAGE PROGRAM ARGUMENTS...: a program of ours, which is built where that was not done.
ours() {
    build --package "$1" --bin "$2" && "$programs/$2" "${@:3}"
}

edge_soak() {
    build --package edge --bin casebook-edge && ours sim edge-soak --seconds 40 --fault-every 12 --reload-every 20
}

# What a build from nothing takes. Without this a full disk shows itself as a crash of the compiler, far into the run.
gigabytes_needed=16
room() {
    local free
    free=$(($(df --output=avail --block-size=1M . | tail -n 1) / 1024))
    [ -d target/debug/deps ] || [ "$free" -ge $gigabytes_needed ] || {
        echo "$free GiB of disk are free here; a build from nothing needs $gigabytes_needed" >&2
        return 1
    }
    echo "$free GiB of disk are free"
}

room || exit 1
step "setup" scripts/setup.sh
step "everything is built" built everything
step "make check" scripts/check.sh
step "Rust tests" rust_tests
step "Rust tests were run" count_tests
step "report hash vectors in Python" vectors
step "causes of 40 generated faults (make eval-generated: 500)" scripts/accuracy.sh
step "OpenTelemetry SDKs over the standard ports" scripts/clients.sh
step "viem, ethers and web3.py through the edge" scripts/edge-clients.sh
step "the edge's core among nodes that fail, 500 seeds (make edge-seeds: 10 000)" ours sim edge-seeds --count 500
step "the edge's soak, 40 s and its end (make edge-soak: two minutes, or an hour)" edge_soak
step "kill -9 under load, 5 rounds (make crash: 50)" scripts/crash.sh 5
step "20 000 made-up keys beside a good one (make keys KEYS=1000000)" scripts/keys.sh
step "one cascade is one incident, and soon" scripts/cascade.sh
step "ten thousand idle clients and a million ids at the edge" cargo test --quiet --locked --workspace --test integration -- --ignored ten_thousand
step "guards over 100 000 lines within ten seconds" scripts/guard-speed.sh
# It computes on one core and measures nothing; those beside it mostly wait, and for longer than they need to.
beside "the journal on a faulty disk, 250 trials (make faulty-disk: 2 000)" ours sim faulty-disk --count 250
step "the real Alertmanager" scripts/alertmanager.sh
step "SARIF by its public schema, and in a viewer" scripts/sarif.sh
step "from an outage to a rule that is kept: one session in the register" scripts/register-session.sh
together
step "a node's death behind the edge is one incident that names it" scripts/edge-incident.sh
counts=$(count_tests)
sum_up "make test"
status=$?
echo "$counts"
exit $status
