#!/usr/bin/env bash
# Real OpenTelemetry SDKs against the real server, on the standard ports. `make setup` first.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --package cli --package rust-client
built=${CARGO_TARGET_DIR:-target}/debug
exec target/venv/bin/python tests/clients/run.py --casebook "$built/casebook" --rust "$built/rust-client" \
    --python target/venv/bin/python --node node
