#!/usr/bin/env bash
# The real Alertmanager sends a group of alerts, resends and resolves to the real server.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
exec python3 tests/alertmanager/run.py --casebook "$programs/casebook" --alertmanager prometheus-alertmanager
