#!/usr/bin/env bash
# Measures ingest with the release build. What is measured and how: bench/README.md. Arguments go to `bench`:
# --quick for a smoke run, decode for the decoder and the engine alone, peers for Casebook beside other programs. A full
# run is kept as bench/results/latest.json, one beside others as bench/results/peers.json with its charts. `edge` measures
# the failover proxy beside nginx and HAProxy, which have to be installed, and is kept as bench/results/edge.json.
set -euo pipefail
cd "$(dirname "$0")/.."

built=${CARGO_TARGET_DIR:-target}/release
if [ "${1:-}" = edge ]; then
    cargo build --quiet --release --locked --package edge --package bench
    # Thousands of clients at once, on both sides.
    ulimit -n "$(ulimit -Hn)"
    [ $# != 1 ] || set -- edge --results bench/results/edge.json
    exec "$built/bench" --scratch "$built" "$@"
fi
cargo build --quiet --release --locked --package cli --package bench
[ $# != 0 ] || set -- --results bench/results/latest.json
if [ "$1" = peers ]; then
    scripts/peers.sh "$built/../peers"
    set -- "$@" --installed "$built/../peers"
    [ $# != 3 ] || set -- "$@" --results bench/results/peers.json
fi
if [ "$1" = soak ]; then
    [[ " $* " = *" --results "* ]] || set -- soak --results bench/results/soak.json "${@:2}"
fi
exec "$built/bench" --scratch "$built" "$@"
