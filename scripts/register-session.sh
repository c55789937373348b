#!/usr/bin/env bash
# From an outage to a rule that is kept: one session in the register. Arguments go to the test.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
exec python3 tests/register/run.py --casebook "$programs/casebook" "$@"
