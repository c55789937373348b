#!/usr/bin/env bash
# Installs what checks and tests need beside cargo, each by its package name and only where it is missing.
# Everything but system packages lands under target/, so that `cargo clean` forgets it.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo_deny_version=0.20.2
venv=target/venv
tools=target/tools

say() { printf 'setup: %s\n' "$*"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    command -v apt-get >/dev/null || { say "install these with your package manager and run again: $*" >&2; exit 1; }
    say "installing $*"
    as_root apt-get update -qq
    # RUNLEVEL=1 keeps a package from starting the service that it brings.
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
# The fuzzer is C++.
command -v c++ >/dev/null || missing+=(g++)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
# Shows pages of ours and of others to tests, without a window.
command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || missing+=(chromium-headless-shell)
command -v prometheus-alertmanager >/dev/null || missing+=(prometheus-alertmanager)
[ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
# The tests run it themselves, on ports of their own; nobody asked for a service.
case " ${missing[*]-} " in *" prometheus-alertmanager "*)
    if [ -d /run/systemd/system ]; then as_root systemctl disable --quiet --now prometheus-alertmanager; fi ;;
esac

for component in rustfmt clippy; do
    tool=${component/clippy/cargo-clippy}
    "$tool" --version >/dev/null 2>&1 || { say "adding $component"; rustup component add "$component"; }
done

# A stamp holds what was installed from, so that a warm run costs nothing.
python_packages() {
    local -a files=(scripts/requirements.txt tests/clients/python/requirements.txt tests/edge-clients/python/requirements.txt)
    local wants file
    wants=$(cat "${files[@]}" | cksum)
    [ "$(cat $venv/.stamp 2>/dev/null)" != "$wants" ] || return 0
    say "Python packages into $venv"
    rm -rf $venv
    python3 -m venv $venv
    for file in "${files[@]}"; do $venv/bin/pip install --quiet --disable-pip-version-check -r "$file"; done
    echo "$wants" >$venv/.stamp
}

javascript_packages() {
    local folder wants stamp
    for folder in tests/clients/javascript tests/edge-clients/javascript tests/sarif; do
        wants=$(cksum <$folder/package-lock.json)
        stamp=$folder/node_modules/.stamp
        [ "$(cat $stamp 2>/dev/null)" != "$wants" ] || continue
        say "JavaScript packages into $folder/node_modules"
        # No package needs its install script here, and none gets to run one.
        npm ci --prefix $folder --ignore-scripts --no-audit --no-fund --loglevel=error
        echo "$wants" >$stamp
    done
}

# They wait for the network while the compiler below computes. Each is a shell of its own, which ends at its first error.
(python_packages) &
python=$!
(javascript_packages) &
javascript=$!

if [ "$($tools/bin/cargo-deny --version 2>/dev/null)" != "cargo-deny $cargo_deny_version" ]; then
    say "cargo-deny $cargo_deny_version, built from source (about a minute)"
    # A debug build: it takes a quarter of the time to build and runs for two seconds.
    CARGO_TARGET_DIR=target/tools/build CARGO_PROFILE_DEV_DEBUG=0 \
        cargo install --quiet --debug --locked --no-track --force --root $tools cargo-deny --version $cargo_deny_version
    rm -rf target/tools/build
fi
wait $python
wait $javascript
say "everything is there"
