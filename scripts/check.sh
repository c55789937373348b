#!/usr/bin/env bash
# Everything that can be judged without running Casebook. Fast when warm; `make setup` first.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

export PATH="$PWD/target/tools/bin:$PWD/target/venv/bin:$PATH"

advisories() {
    # The database of known advisories comes from a git host. Where that cannot be reached there is nothing
    # to compare with; that is said, and is no reason to fail a build that changes nothing about it.
    local said status=0
    said=$(GIT_TERMINAL_PROMPT=0 timeout 90 cargo deny check advisories 2>&1) || status=$?
    if [ $status != 0 ] && grep -q 'failed to fetch advisory database' <<<"$said"; then
        echo "SKIPPED: the advisory database could not be fetched; dependencies were NOT compared with known advisories"
        return 0
    fi
    [ $status != 124 ] || { echo "SKIPPED: fetching the advisory database took too long; dependencies were NOT compared"; return 0; }
    printf '%s\n' "$said"
    return $status
}

register() {
    # Warnings, which drafts have, are told where there is an error too.
    local said
    said=$(cargo run --quiet --locked --package cli -- rca doctor) || { printf '%s\n' "$said"; return 1; }
    tail -1 <<<"$said"
}

# What incidents taught is kept: what is new blocks or is told; each guard works on its fixtures, a weakened one fails them, and
# none is in a mode that it has not earned. The tree alone cannot tell that a guard was taken out with all that spoke of it, or
# that a baseline was begun anew: it is compared with where it left the main branch, or else with the last commit.
guards() {
    local -a casebook=(cargo run --quiet --locked --package cli -- guard)
    local before
    before=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD) || return 1
    "${casebook[@]}" run && "${casebook[@]}" test && "${casebook[@]}" mutate && "${casebook[@]}" prove --check \
        && "${casebook[@]}" baseline --since "$before" && "${casebook[@]}" graduate --check --since "$before" >/dev/null
}

step "format" cargo fmt --all --check
step "tidy" cargo xtask tidy
step "spelling" typos
step "licences, versions and sources of dependencies" cargo deny --log-level warn check --hide-inclusion-graph bans licenses sources
step "known advisories about dependencies" advisories
step "lints" cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
step "generated documents" cargo xtask generate --check
# With the program that the step before has built.
step "the register" register
step "the register's index and page" cargo run --quiet --locked --package cli -- rca register --check
step "the guards" guards
sum_up "make check"
