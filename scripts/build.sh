# Sourced by whatever runs programs of ours: builds them, unless the whole run has built everything. Bash.
#
# Cargo gives a library the features that the packages named in one command ask for together, and compiles it again for every
# other set of them: `--package cli`, `--package edge` and the whole workspace with its tests are three sets. So `make test`
# builds all there is in one command, and says in BUILT_PROGRAMS where; then nothing is compiled twice.

programs=${BUILT_PROGRAMS:-${CARGO_TARGET_DIR:-target}/debug}

# build ARGUMENTS...: what cargo is to build for whoever runs one script alone.
build() {
    [ -n "${BUILT_PROGRAMS:-}" ] || cargo build --quiet --locked "$@"
}

# built COMMAND...: runs the build that serves everything from here on, here and in every script that is started.
built() {
    "$@" || return
    BUILT_PROGRAMS=$(cd "$programs" && pwd) || return
    programs=$BUILT_PROGRAMS
    export BUILT_PROGRAMS
}
