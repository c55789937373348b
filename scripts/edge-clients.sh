#!/usr/bin/env bash
# Real client libraries (viem, ethers, web3.py) through the real edge, while nodes die and freeze. `make setup` first.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked --package edge --package devnet --bins
built=${CARGO_TARGET_DIR:-target}/debug
exec target/venv/bin/python tests/edge-clients/run.py --devnet "$built/casebook-devnet" --edge "$built/casebook-edge" \
    --python target/venv/bin/python --node node
