#!/usr/bin/env bash
# What guards print as SARIF is valid by the public schema, and a viewer that others wrote shows it. `make setup` first.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/build.sh

build --package cli
manifest=tests/sarif/schema/Cargo.toml
cargo fetch --quiet --locked --manifest-path "$manifest"
schema=$(cargo metadata --locked --offline --format-version 1 --manifest-path "$manifest" | python3 -c '
import json, pathlib, sys
(found,) = (each for each in json.load(sys.stdin)["packages"] if each["name"] == "serde-sarif")
print(pathlib.Path(found["manifest_path"]).parent / "src/schema.json")')
browser=$(command -v chromium-headless-shell || command -v chromium)
exec python3 tests/sarif/run.py --casebook "$programs/casebook" --schema "$schema" --browser "$browser"
