#!/usr/bin/env bash
# Builds what is handed out, into dist/: a static `casebook` for x86-64 Linux, its bill of materials (CycloneDX), the
# container file with what it copies, and their checksums. The same sources with the same compiler give the same bytes:
# no path, no time of the machine that built it is in them.
set -euo pipefail
cd "$(dirname "$0")/.."

target=x86_64-unknown-linux-gnu
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
built=${CARGO_TARGET_DIR:-target}/dist
dist=${1:-dist}
# The time of the last commit, unless whoever packages it says another.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
say() { printf 'dist: %s\n' "$*"; }

# glibc linked in, not musl: all tests and measurements run with it, and since 2.34 it looks names up without any shared
# library. Its allocator counts for nothing here: the program brings its own.
cargo_home=$(cd "${CARGO_HOME:-$HOME/.cargo}" && pwd)
maps=("$PWD=/casebook" "$cargo_home=/cargo" "$(rustc --print sysroot)=/rust")
flags="-C target-feature=+crt-static -C link-arg=-Wl,--build-id=none"
# Randomness by the system call alone. What finds it by name at run time finds no name in a static program, and would read
# /dev/urandom, which a root of its own need not have.
flags+=' --cfg getrandom_backend="linux_getrandom"'
c_flags=
for map in "${maps[@]}"; do
    flags+=" --remap-path-prefix=$map"
    c_flags+=" -ffile-prefix-map=$map"
done

say "casebook $version for $target, static (some minutes)"
CARGO_TARGET_DIR=$built RUSTFLAGS=$flags CFLAGS=$c_flags CARGO_PROFILE_RELEASE_STRIP=symbols \
    CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_INCREMENTAL=0 \
    cargo build --quiet --release --locked --package cli --target $target

rm -rf "$dist"
mkdir -p "$dist/rootfs/etc/ssl/certs" "$dist/rootfs/var/lib/casebook"
cp "$built/$target/release/casebook" "$dist/casebook"
if ldd "$dist/casebook" >/dev/null 2>&1 && ldd "$dist/casebook" | grep -q '=>'; then
    say "the binary needs shared libraries" >&2
    ldd "$dist/casebook" >&2
    exit 1
fi

say "bill of materials"
python3 scripts/sbom.py --target $target --version "$version" --binary "$dist/casebook" >"$dist/casebook.cdx.json"

cp packaging/Containerfile LICENSE "$dist/"
roots=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if [ -f "$roots" ]; then
    cp -L "$roots" "$dist/rootfs/etc/ssl/certs/ca-certificates.crt"
else
    say "no root certificates at $roots: webhooks over https will not work in the container" >&2
fi

archive=casebook-$version-x86_64-linux.tar.gz
tar --sort=name --owner=0 --group=0 --numeric-owner --mode='u+rwX,go+rX,go-w' --mtime="@$SOURCE_DATE_EPOCH" \
    -C "$dist" -cf - casebook casebook.cdx.json LICENSE | gzip -n -9 >"$dist/$archive"
(cd "$dist" && sha256sum casebook casebook.cdx.json Containerfile "$archive" >SHA256SUMS)
scripts/dist-check.sh "$dist"
say "in $dist:"
(cd "$dist" && cat SHA256SUMS)
