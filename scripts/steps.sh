# Sourced by check.sh and test.sh: runs named steps, keeps going, and sums up. Bash.

steps=()
steps_failed=0
besides=()

# step NAME COMMAND...: runs it, shows what it says, and notes how it went.
step() {
    local name=$1 started=$SECONDS outcome=ok
    shift
    printf '\n== %s\n' "$name"
    "$@" || outcome=FAILED
    note "$outcome" $((SECONDS - started)) "$name"
}

# beside NAME COMMAND...: begins it and goes on; what it says is kept for `together`. Only for what measures no time, and
# beside nothing that does.
beside() {
    local name=$1 folder
    shift
    folder=$(mktemp -d)
    (
        "$@" >"$folder/said" 2>&1
        echo $? $SECONDS >"$folder/ended"
    ) &
    besides+=("$! $SECONDS $folder $name")
}

# together: waits for what `beside` began, and shows and notes each as `step` does.
together() {
    local process started folder name status ended outcome
    for begun in "${besides[@]}"; do
        read -r process started folder name <<<"$begun"
        wait "$process"
        # Where it was killed it left no word of how it ended.
        status=1 ended=$SECONDS outcome=ok
        [ ! -e "$folder/ended" ] || read -r status ended <"$folder/ended"
        printf '\n== %s\n' "$name"
        cat "$folder/said"
        [ "$status" = 0 ] || outcome=FAILED
        note "$outcome" $((ended - started)) "$name (beside others)"
        rm -r "$folder"
    done
    besides=()
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
