#!/usr/bin/env bash
# A node dies behind the edge: one incident names it and says that no client was affected. Arguments go to the test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli --package edge --package devnet --bins
exec python3 tests/edge-incident/run.py \
    --casebook "$programs/casebook" --edge "$programs/casebook-edge" --devnet "$programs/casebook-devnet" "$@"
