#!/usr/bin/env bash
# Guards of every kind over 100 000 lines, and this repository's own, within ten seconds each.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
exec python3 tests/guard-speed/run.py --casebook "$programs/casebook"
