#!/bin/sh
# SPDX-License-Identifier: MIT
# `make test`: build the tree three ways, look at the sources, run every test, count.
#
#   build        gcc, as `make build`: all tests, the real agent-server among them
#   build-asan   gcc, address and undefined-behaviour sanitizers: unit and integration tests
#   build-tsan   clang, thread sanitizer: unit tests; also shows that clang has no warnings
#
# Each check of the sources, each build and each ctest test counts as one.  The last line is
# "N passed, N failed", with what was skipped, and what passed only when it was run again alone, if
# there was any; the exit code is 0 if none failed.  A test that needs a second run is a defect to
# mend: its first failure is shown in full.  What a failed step wrote is shown; what all wrote stays
# in build/test-logs.
set -u

cd "$(dirname "$0")/.." || exit 1
# As root, some tests run as other users, who have to read what is built, and may not write it.
umask 022
folder=$PWD
while [ -n "$folder" ]; do
    [ -n "$(find "$folder" -maxdepth 0 -perm -001)" ] ||
        echo "run: others cannot get into $folder: the tests that run as other users are skipped" >&2
    folder=${folder%/*}
done
[ "$(id -u)" = 0 ] ||
    echo "run: not root: the tests that need it are skipped" >&2
JOBS=${JOBS:-2}
logs=build/test-logs
passed=0 failed=0 skipped=0 shaky=0

# step NAME COMMAND...: run it quietly, count it, and show what it wrote if it failed.
step() {
    name=$1
    shift
    began=$(date +%s)
    if "$@" >"$logs/$name.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $name ($(($(date +%s) - began)) s)"
        return 0
    fi
    failed=$((failed + 1))
    echo "FAILED  $name ($(($(date +%s) - began)) s), $logs/$name.log:"
    tail -n 100 "$logs/$name.log" | sed 's/^/    /'
    return 1
}

build() {
    cmake --preset "$1" && cmake --build "$2" --parallel "$JOBS"
}

# finished PID LOG: wait for a job that was started earlier; what it wrote, and how it ended.
# (clang-tidy counts also what it says nothing about, and that for each file.)
finished() {
    wait "$1"
    code=$?
    grep -v '^[0-9]* warnings* generated\.$' "$2"
    return "$code"
}

# again DIR: run each test that failed once more, with nothing beside it, and set `cured` to the
# number of those that passed.  Most tests start real processes and wait for them, and a machine
# that others use, too, can be slower than any wait.  Not after a sanitizer's report, which no load
# explains, and not for many, which no chance explains.
again() {
    cured=0
    if [ "$bad" -gt 3 ] || grep -q 'Sanitizer\|runtime error:' "$log"; then
        return
    fi
    # By their names: ctest's own --rerun-failed counts anew, and takes others, without its filters.
    names=$(sed -n '/[*][*][*]Skipped/d; s/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) .*[*][*][*].*/\1/p' "$log" |
        paste -s -d '|')
    ctest --test-dir "$1" --output-on-failure -R "^($names)\$" >"$logs/$1-again.log" 2>&1
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: /    again: /p' "$logs/$1-again.log"
    cured=$(grep -c '^ *[0-9]*/[0-9]* Test .*  *Passed ' "$logs/$1-again.log")
}

# tests DIR CTEST-ARGUMENTS...: each test counts; a run that gave no counts is itself a failure.
# (Counted from the text: ctest's JUnit file calls a test whose program is missing "skipped".)
tests() {
    dir=$1
    shift
    log=$logs/$dir-ctest.log
    echo "tests   $dir"
    ctest --test-dir "$dir" --output-on-failure --no-tests=error --parallel 4 "$@" >"$log" 2>&1
    code=$?
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: /    /p' "$log"
    bad=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log")
    total=$(sed -n 's/^[0-9]*% tests passed, [0-9]* tests failed out of \([0-9]*\)$/\1/p' "$log")
    if [ -z "$total" ] || { [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        failed=$((failed + 1))
        echo "FAILED  ctest in $dir ended with code $code, $log:"
        tail -n 40 "$log" | sed 's/^/    /'
        return
    fi
    quiet=$(grep -c '[*][*][*]Skipped ' "$log")
    skipped=$((skipped + quiet))
    [ "$quiet" -eq 0 ] || echo "SKIPPED $quiet in $dir: $(sed -n \
        's/^\([a-z0-9/-]*\): SKIPPED: */\1: /p' "$dir/Testing/Temporary/LastTest.log")"
    if [ "$bad" -ne 0 ]; then
        echo "FAILED  $bad in $dir, $log:"
        sed 's/^/    /' "$log"
        again "$dir"
        bad=$((bad - cured))
        shaky=$((shaky + cured))
    fi
    passed=$((passed + total - bad - quiet))
    failed=$((failed + bad))
}

sh tests/setup.sh test || exit 1
mkdir -p "$logs"

step build build dev build && tests build
# Most tests wait more than they compute, so clang-tidy has room beside those of the next two builds.
# It needs the compile commands of a build.
sh tests/lint/lint.sh tidy build >"$logs/tidy.log" 2>&1 &
tidy=$!
step build-asan build asan build-asan && tests build-asan -L 'unit|integration|fuzz'
# The schema validator has no threads, and limits on processor time that this build would reach.
step build-tsan build tsan build-tsan && tests build-tsan -L unit -E unit/schema
for check in format banned layout scripts pins; do
    step "lint-$check" sh tests/lint/lint.sh "$check"
done
step lint-tidy finished "$tidy" "$logs/tidy.log"

line="$passed passed, $failed failed"
[ "$shaky" -eq 0 ] || line="$line, $shaky of the passed only when run again"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
