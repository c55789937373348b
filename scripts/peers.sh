#!/usr/bin/env bash
# Installs the programs that Casebook is measured beside, by their package names and in fixed versions, under
# target/peers: the OpenTelemetry Collector, built from its Go modules with the parts that are measured and no others,
# and rotel from its Python package. A warm run costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

peers=${1:-target/peers}
say() { printf 'peers: %s\n' "$*"; }
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

command -v go >/dev/null || { say "a Go toolchain is needed to build the Collector" >&2; exit 1; }
wants=$(cat bench/peers/collector/* bench/peers/requirements.txt | cksum)
if [ "$(cat "$peers/.stamp" 2>/dev/null)" != "$wants" ]; then
    say "the OpenTelemetry Collector, built from source (some minutes)"
    (cd bench/peers/collector && go build -mod=readonly -trimpath -o "$peers/collector" .)
    say "rotel"
    rm -rf "$peers/rotel"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
        --target "$peers/rotel" -r bench/peers/requirements.txt
    chmod +x "$peers/rotel/rotel/rotel-agent"
    { "$peers/collector" --version; go version; "$peers/rotel/rotel/rotel-agent" --version
      grep -h '^rotel==' bench/peers/requirements.txt; } | tr '\n' ';' | sed 's/;$//; s/;/; /g' >"$peers/versions"
    echo "$wants" >"$peers/.stamp"
fi
say "$(cat "$peers/versions")"
