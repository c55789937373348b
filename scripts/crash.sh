#!/usr/bin/env bash
# kill -9 under load, as many rounds as the first argument says. Further arguments go to the test (--seed N).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
exec python3 tests/crash/run.py --casebook "$programs/casebook" --rounds "$@"
