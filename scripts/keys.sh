#!/usr/bin/env bash
# Keys from outside: no public address without them, and made-up ones disturb nobody. Arguments go to the test (--keys N).
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --package cli
built=${CARGO_TARGET_DIR:-target}/debug
exec python3 tests/keys/run.py --casebook "$built/casebook" "$@"
