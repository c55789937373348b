#!/usr/bin/env bash
# One cascade is one incident, and how soon; CASCADE_RUNS says how often. Arguments go to the test (--seed N).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --package cli
built=${CARGO_TARGET_DIR:-target}/debug
exec python3 tests/cascade/run.py --casebook "$built/casebook" --runs "${CASCADE_RUNS:-20}" "$@"
