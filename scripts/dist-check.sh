#!/usr/bin/env bash
# Whether what `make dist` made is what it says: the binary runs where there is nothing else (in a root of its own where
# that is allowed), takes a span and shows it, and the bill of materials is one.
set -euo pipefail
cd "$(dirname "$0")/.."

dist=${1:-dist}
(cd "$dist" && sha256sum --quiet --check SHA256SUMS)
file=$(python3 -c "import struct,sys; d=open('$dist/casebook','rb').read(64); print(d[:4] == b'\x7fELF' and struct.unpack('<H', d[18:20])[0] == 62)")
[ "$file" = True ] || { echo "dist: casebook is no program for x86-64" >&2; exit 1; }
! readelf -l "$dist/casebook" 2>/dev/null | grep -q INTERP || { echo "dist: casebook asks for a loader" >&2; exit 1; }
python3 - "$dist/casebook.cdx.json" <<'PY'
import json, sys
bom = json.load(open(sys.argv[1]))
assert bom["bomFormat"] == "CycloneDX" and len(bom["components"]) > 50, "the bill of materials is empty"
known = {c["bom-ref"] for c in bom["components"]} | {bom["metadata"]["component"]["bom-ref"]}
assert all(d["ref"] in known and set(d.get("dependsOn", [])) <= known for d in bom["dependencies"])
assert all(c.get("licenses") and c.get("hashes") or c["purl"].endswith("type=local") for c in bom["components"])
PY

root=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
    rm -rf "$root"
}
trap cleanup EXIT
cp "$dist/casebook" "$root/"
mkdir -p "$root/data" "$root/etc"
run=("$root/casebook")
data=$root/data
if [ "$(id -u)" = 0 ] && chroot "$root" /casebook --version >/dev/null 2>&1; then
    run=(chroot "$root" /casebook)
    data=/data
    echo "dist: checked in a root that holds the binary alone, without /dev and /proc"
else
    echo "dist: no root of its own could be made; checked where it is"
fi
"${run[@]}" --version
any=127.0.0.1:0
"${run[@]}" serve --data "$data" --listen $any --admin $any --otlp-grpc $any --otlp-http $any \
    >"$root/ready" 2>"$root/log" &
server=$!
for _ in $(seq 300); do
    [ ! -s "$root/ready" ] || break
    kill -0 $server 2>/dev/null || { cat "$root/log" >&2; exit 1; }
    sleep 0.1
done
api=$(python3 -c "import json; print(json.load(open('$root/ready'))['listen'])")
# Sends one event through its ports and reads it back.
"${run[@]}" doctor --server "http://$api"
# What the container's check of health asks.
admin=$(python3 -c "import json; print(json.load(open('$root/ready'))['admin'])")
"${run[@]}" doctor --health --admin "$admin"
