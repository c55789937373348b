#!/usr/bin/env bash
# Real OpenTelemetry SDKs against the real server, on the standard ports. `make setup` first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli --package rust-client
exec target/venv/bin/python tests/clients/run.py --casebook "$programs/casebook" --rust "$programs/rust-client" \
    --python target/venv/bin/python --node node
