#!/usr/bin/env bash
# Everything that can be judged without running Casebook. Fast when warm; `make setup` first.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh
. scripts/build.sh

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
    said=$("$programs/casebook" rca doctor) || { printf '%s\n' "$said"; return 1; }
    tail -1 <<<"$said"
}

# What incidents taught is kept: what is new blocks or is told; each guard works on its fixtures, a weakened one fails them, and
# none is in a mode that it has not earned. The tree alone cannot tell that a guard was taken out with all that spoke of it, or
# that a baseline was begun anew: it is compared with where it left the main branch, or else with the last commit.
guards() {
    local before guard=("$programs/casebook" guard)
    before=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD) || return 1
    "${guard[@]}" run && "${guard[@]}" test && "${guard[@]}" mutate && "${guard[@]}" prove --check \
        && "${guard[@]}" baseline --since "$before" && "${guard[@]}" graduate --check --since "$before" >/dev/null
}

# With all packages in one command a library has the features that any of them asks for. What is handed out is built alone, and
# must not need what another package happens to ask for.
handed_out() {
    cargo check --quiet --locked --package cli && cargo check --quiet --locked --package edge
}

# What the steps after it ask.
programs() {
    build --package cli --package edge --package xtask
}

step "format" cargo fmt --all --check
step "spelling" typos
step "licences, versions and sources of dependencies" cargo deny --log-level warn check --hide-inclusion-graph bans licenses sources
step "known advisories about dependencies" advisories
step "lints" cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
step "what is handed out compiles alone" handed_out
if step "our own programs" built programs; then
    step "tidy" "$programs/xtask" tidy
    step "generated documents" "$programs/xtask" generate --check --programs "$programs"
    step "the register" register
    step "the register's index and page" "$programs/casebook" rca register --check
    step "the guards" guards
fi
sum_up "make check"
