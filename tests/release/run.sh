#!/bin/sh
# SPDX-License-Identifier: MIT
# `make test-release`: build the release, look at it, and run the tests with it where it belongs, at
# /opt/handrail: in a mount namespace of its own, so that this machine's /opt stays what it is.
#
# A release for another machine is looked at in the same way, and its programs are run by qemu-user: see
# test_emulated.py.  Which kernel interface finds qemu is that of a user namespace, so this machine's
# stays what it is; Linux has had it since 6.7.
#
#   tests/release/run.sh [--reproduce] [amd64|arm64]    --reproduce: build it once more elsewhere, and compare
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
    (cd "$again" && umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 JOBS=3 CFLAGS=-O1 LDFLAGS=-s \
        CPATH=/nowhere PKG_CONFIG_PATH=/usr/share/pkgconfig sh docker/release/build.sh "$architecture" >"$again/log") || {
        tail -n 20 "$again/log" >&2
        exit 1
    }
    for folder in opt debug; do
        diff -r "$out/$folder" "$again/${out##*/}/$folder"
        (cd "$out/$folder" && find . -printf '%p %y %m %s %T@ %l\n' | sort) >"$scratch/one"
        (cd "$again/${out##*/}/$folder" && find . -printf '%p %y %m %s %T@ %l\n' | sort) >"$scratch/two"
        # The size of a folder is the file system's affair.
        sed -i 's/^\([^ ]* d [0-7]*\) [0-9]* /\1 /' "$scratch/one" "$scratch/two"
        diff "$scratch/one" "$scratch/two"
    done
    say "the same bytes, modes and dates in both"
    rm -rf "$scratch"
    trap - EXIT
}

again=
if [ "${1-}" = --reproduce ]; then
    again=1
    shift
fi
native=$(dpkg --print-architecture)
architecture=${1:-$native}
out=$top/build-release
[ "$architecture" = "$native" ] || out=$out-$architecture
sh "$top/docker/release/build.sh" "$architecture"
[ -z "$again" ] || reproduce
make -s -C "$top" build
export HANDRAIL_BUILD_DIR="$top/build" HANDRAIL_BIN=/opt/handrail/bin/handrail HANDRAIL_RELEASE="$out"

# emulated MACHINE ELF-MACHINE: by qemu, from the kernel's table of interpreters
emulated() {
    qemu=$(command -v "qemu-$1-static") || {
        echo "release: qemu-$1-static not found; on Debian, run: apt-get install qemu-user-static" >&2
        exit 1
    }
    # shellcheck disable=SC2016 # for the inner shell
    unshare --user --map-root-user --mount sh -euc '
        table=/proc/sys/fs/binfmt_misc
        mount -t binfmt_misc binfmt_misc "$table" || {
            echo "release: no table of interpreters in a user namespace: this needs Linux 6.7" >&2
            exit 1
        }
        printf "%s" "$1" >"$table/register"
        mount -t tmpfs -o mode=755 tmpfs /opt
        mkdir /opt/handrail
        mount --bind "$HANDRAIL_RELEASE/opt/handrail" /opt/handrail
        "$2" -B "$3/test_release.py" Files
        "$2" -B "$3/test_emulated.py"' sh ":handrail:M:18:\\x$2\\x00::$qemu:PF" "$python" "$top/tests/release"
    say "all good"
}

if [ "$architecture" != "$native" ]; then
    case $architecture in
    amd64) emulated x86_64 3e ;;
    arm64) emulated aarch64 b7 ;;
    esac
    exit
fi

as_root=
[ "$(id -u)" = 0 ] || as_root=--map-root-user
# shellcheck disable=SC2016 # for the inner shell
unshare $as_root --mount sh -euc '
    mount -t tmpfs -o mode=755 tmpfs /opt
    mkdir /opt/handrail
    mount --bind "$HANDRAIL_RELEASE/opt/handrail" /opt/handrail
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
