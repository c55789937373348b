#!/usr/bin/env bash
# The real Alertmanager sends a group of alerts, resends and resolves to the real server.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --package cli
built=${CARGO_TARGET_DIR:-target}/debug
exec python3 tests/alertmanager/run.py --casebook "$built/casebook" --alertmanager prometheus-alertmanager
