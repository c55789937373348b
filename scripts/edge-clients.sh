#!/usr/bin/env bash
# Real client libraries (viem, ethers, web3.py) through the real edge, while nodes die and freeze. `make setup` first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package edge --package devnet --bins
exec target/venv/bin/python tests/edge-clients/run.py --devnet "$programs/casebook-devnet" --edge "$programs/casebook-edge" \
    --python target/venv/bin/python --node node
