#!/usr/bin/env bash
# Fuzzes everything that reads what others wrote; targets and what they promise: fuzz/README.md. It needs no nightly
# compiler: the instrumentation is the stable compiler's own, asked for as `cargo fuzz` asks.
#   scripts/fuzz.sh short              every target for a few seconds
#   scripts/fuzz.sh TARGET RUNS        one target, so many executions
#   scripts/fuzz.sh all RUNS           one after the other
# FUZZ_SECONDS: of each target in a short run. FUZZ_SECONDS_MAX: a long run of a target ends then, whatever its count;
# the corpus stays, so that the next one goes on from there.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:?short, all or a target}
runs=${2:-}
[ "$what" = short ] || : "${runs:?how many executions}"
all=$(sed -n 's/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml | grep -v -e '^fuzz$' -e '^plant$')
features=libfuzzer
case $what in
    short) targets=$(grep -v '^server_settings$' <<<"$all") ;;
    all) targets=$all features=libfuzzer,server ;;
    *)
        targets=$(grep -x -- "$what" <<<"$all") || { echo "fuzz: $what is none of" $all >&2; exit 2; }
        [ "$what" != server_settings ] || features=libfuzzer,server
        ;;
esac
command -v c++ >/dev/null || { echo "fuzz: the fuzzer is C++; scripts/setup.sh installs a compiler for it" >&2; exit 1; }

home=${CARGO_TARGET_DIR:-target}/fuzzing
mkdir -p "$home"
home=$(cd "$home" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')

# Memory errors are no matter of ours, because our code holds no unsafe line: so there is no sanitizer but coverage.
passes="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares"
build=(cargo build --quiet --locked --package fuzz --profile fuzz --features "$features" --target "$host")
[ "$what" = short ] || [ "$what" = all ] || build+=(--bin "$what" --bin plant)
CARGO_TARGET_DIR=$home RUSTFLAGS="--cfg fuzzing $(echo $passes)" "${build[@]}"

fuzz() {
    local target=$1 dictionary=json bytes=4096
    shift
    case $target in *protobuf | record) dictionary=protobuf ;; esac
    # What is longer says nothing new there, and takes longer.
    case $target in journal_damage) bytes=64 ;; queries) bytes=512 ;; esac
    mkdir -p "$home/corpus/$target" "$home/crashes/$target"
    "$home/$host/fuzz/plant" "$home/corpus/$target" -runs=0 >"$home/$target.log" 2>&1
    "$home/$host/fuzz/$target" "$home/corpus/$target" -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=10 \
        -max_len=$bytes -dict="fuzz/dictionaries/$dictionary.dict" -artifact_prefix="$home/crashes/$target/" \
        -print_final_stats=1 "$@" >"$home/$target.log" 2>&1 || {
        grep -v '^stat::' "$home/$target.log" | tail -n 40
        echo "fuzz: $target FAILED; the input stands under $home/crashes/$target"
        return 1
    }
    awk -v target="$target" '/cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") coverage = $(i + 1) }
        /^Done .* runs in .* second/ { seconds = $5 }
        /^stat::number_of_executed_units/ { runs = $2 }
        /^stat::peak_rss_mb/ { memory = $2 }
        END { printf "fuzz: %-16s %9d executions in %5d s, %5d edges, %4d MiB, no crash\n",
              target, runs, seconds, coverage, memory }' "$home/$target.log"
}

failed=0
for target in $targets; do
    if [ "$what" = short ]; then
        fuzz "$target" -max_total_time="${FUZZ_SECONDS:-3}" || failed=1
    else
        fuzz "$target" -runs="$runs" -max_total_time="${FUZZ_SECONDS_MAX:-0}" || failed=1
    fi
done
exit $failed
