#!/bin/sh
# SPDX-License-Identifier: MIT
# `make test-release`: build the release, look at it, and run the tests with it where it belongs, at
# /opt/handrail: in a mount namespace of its own, so that this machine's /opt stays what it is.
#
#   tests/release/run.sh [--reproduce]     --reproduce: build it once more elsewhere, and compare
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-/usr/bin/python3}
suites="ways supervision sidecar calls plugin_tool probe"

say() { echo "release: $*"; }

reproduce() {
    scratch=$(mktemp -d /var/tmp/handrail-again.XXXXXX)
    trap 'rm -rf "$scratch"' EXIT
    again=$scratch/again
    mkdir "$again"
    (cd "$top" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$again")
    say "building it once more, elsewhere, in another way"
    (cd "$again" && umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 JOBS=3 sh docker/release/build.sh >"$again/log") || {
        tail -n 20 "$again/log" >&2
        exit 1
    }
    for folder in opt debug; do
        diff -r "$top/build-release/$folder" "$again/build-release/$folder"
        (cd "$top/build-release/$folder" && find . -printf '%p %y %m %s %T@ %l\n' | sort) >"$scratch/one"
        (cd "$again/build-release/$folder" && find . -printf '%p %y %m %s %T@ %l\n' | sort) >"$scratch/two"
        # The size of a folder is the file system's affair.
        sed -i 's/^\([^ ]* d [0-7]*\) [0-9]* /\1 /' "$scratch/one" "$scratch/two"
        diff "$scratch/one" "$scratch/two"
    done
    say "the same bytes, modes and dates in both"
    rm -rf "$scratch"
    trap - EXIT
}

sh "$top/docker/release/build.sh"
[ "${1-}" != --reproduce ] || reproduce
make -s -C "$top" build

as_root=
[ "$(id -u)" = 0 ] || as_root=--map-root-user
# shellcheck disable=SC2016 # for the inner shell
unshare $as_root --mount sh -euc '
    mount -t tmpfs -o mode=755 tmpfs /opt
    mkdir /opt/handrail
    mount --bind "$1/build-release/opt/handrail" /opt/handrail
    export HANDRAIL_BUILD_DIR="$1/build" HANDRAIL_BIN=/opt/handrail/bin/handrail
    "$2" -B "$1/tests/release/test_release.py"
    cd "$1/tests/integration"
    for suite in $3; do
        echo "release: tests/integration/test_$suite.py with it"
        "$2" -B "test_$suite.py" 2>"$1/build/release-test.log" || {
            cat "$1/build/release-test.log" >&2
            exit 1
        }
        tail -n 3 "$1/build/release-test.log" | sed -n "s/^Ran/  ran/p"
    done' sh "$top" "$python" "$suites"
say "all good"
