#!/usr/bin/env bash
# One cascade is one incident, and how soon; CASCADE_RUNS says how often. Arguments go to the test (--seed N).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
exec python3 tests/cascade/run.py --casebook "$programs/casebook" --runs "${CASCADE_RUNS:-20}" "$@"
