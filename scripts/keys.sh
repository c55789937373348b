#!/usr/bin/env bash
# Keys from outside: no public address without them, and made-up ones disturb nobody. Arguments go to the test (--keys N).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
exec python3 tests/keys/run.py --casebook "$programs/casebook" "$@"
