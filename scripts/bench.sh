#!/usr/bin/env bash
# Measures ingest with the release build. What is measured and how: bench/README.md. Arguments go to `bench`:
# --quick for a smoke run, decode for the decoder and the engine alone. A full run is kept as bench/results/latest.json.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --release --locked --package cli --package bench
built=${CARGO_TARGET_DIR:-target}/release
[ $# != 0 ] || set -- --results bench/results/latest.json
exec "$built/bench" --scratch "$built" "$@"
