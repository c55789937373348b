#!/usr/bin/env bash
# A node dies behind the edge: one incident names it and says that no client was affected. Arguments go to the test.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --package cli --package edge --package devnet --bins
built=${CARGO_TARGET_DIR:-target}/debug
exec python3 tests/edge-incident/run.py \
    --casebook "$built/casebook" --edge "$built/casebook-edge" --devnet "$built/casebook-devnet" "$@"
