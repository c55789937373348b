# Sourced by check.sh and test.sh: runs named steps, keeps going, and sums up. Bash.

steps=()
steps_failed=0

# step NAME COMMAND...: runs it, shows what it says, and notes how it went.
step() {
    local name=$1 started=$SECONDS outcome=ok
    shift
    printf '\n== %s\n' "$name"
    "$@" || outcome=FAILED
    note "$outcome" $((SECONDS - started)) "$name"
}

# note OUTCOME SECONDS NAME: fails for a step that did.
note() {
    steps+=("$(printf '%-6s %4d s  %s' "$@")")
    [ "$1" = ok ] || { steps_failed=$((steps_failed + 1)); return 1; }
}

# sum_up TITLE: one line for each step; fails when one of them did.
sum_up() {
    printf '\n== %s: summary\n' "$1"
    printf '%s\n' "${steps[@]}"
    [ $steps_failed = 0 ] || { printf '%s: %d of %d steps FAILED\n' "$1" $steps_failed ${#steps[@]}; return 1; }
    printf '%s: all %d steps passed in %d s\n' "$1" ${#steps[@]} $SECONDS
}
