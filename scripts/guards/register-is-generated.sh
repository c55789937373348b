#!/bin/sh
# A guard's command, started by `casebook guard`: the check that everybody runs compares the register with its documents.
# Silent and 0 when it does; else a line `file:line: what` for each thing that is missing.
check=scripts/check.sh
missing=0
for command in "rca register --check" "rca doctor"; do
    grep -qs -- "^[^#]*$command" "$check" || { echo "$check:1: it does not run: casebook $command"; missing=1; }
done
exit $missing
