#!/bin/sh
# SPDX-License-Identifier: MIT
# The rules that a script can check.  Usage: lint.sh format|banned|layout|scripts|pins|tidy [BUILD_DIR]
# Run from anywhere; looks at the files git knows or would add.
set -eu
cd "$(dirname "$0")/../.."

# The clone may belong to somebody else, as in a container.
git() {
    command git -c safe.directory='*' "$@"
}

# Without what git knows every check would find nothing to complain of.
git ls-files --error-unmatch tests/lint/lint.sh >/dev/null || {
    echo "lint: needs git and a clone, to see what is source; see git's words above" >&2
    exit 1
}

sources() {
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do
        [ -f "$f" ] && printf '%s\n' "$f"
    done
}

# plugin.h is written by hand in columns; its layout is part of what it says.
format() {
    sources '*.c' '*.h' '*.cpp' '*.hpp' | grep -v '^plugin-api/.*/handrail/plugin\.h$' |
        xargs clang-format --dry-run --Werror
}

# Functions that are too easy to use wrongly.  Comments and strings may name them.
banned() {
    found=$(sources 'common/*.[ch]' 'loader/*.[ch]' 'sidecar/*.[ch]' 'sample-plugins/*.[ch]' \
        'sample-plugins/*.cpp' 'plugin-api/*.hpp' |
        xargs grep -nwE '(alloca|strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|strtok_r|system|popen|dup|tmpnam|mktemp|sscanf|scanf|signal|rand|srand|gethostbyname|getaddrinfo|usleep) *\(' |
        grep -vE '^[^:]+:[0-9]+: *(\*|/\*|//)' || true)
    if [ -n "$found" ]; then
        printf '%s\nbanned functions: see CONTRIBUTING.md for what to use instead\n' "$found" >&2
        return 1
    fi
}

# An include names the folder from the top, or a file of its own folder; each file says its licence,
# but for the templates, which become somebody else's; nothing is left over from the writing.
layout() {
    bad=0
    if sources '*.c' '*.h' '*.cpp' '*.hpp' | xargs grep -nE '#include "\.\./'; then
        echo 'an include goes through "../": name the folder from the top of the tree' >&2
        bad=1
    fi
    for f in $(sources '*.c' '*.h' '*.cpp' '*.hpp' '*.rs' '*.py' '*.sh' | grep -v '^plugin-api/templates/'); do
        if ! head -n 3 "$f" | grep -q 'SPDX-License-Identifier: MIT'; then
            echo "$f: the licence line is missing" >&2
            bad=1
        fi
    done
    if sources ':!tests/lint/lint.sh' | grep -v '^tests/fuzz/corpus/' |
        xargs grep -nIE '\b(TODO|FIXME|XXX)\b'; then
        echo 'unfinished work is an issue, not a comment' >&2
        bad=1
    fi
    return $bad
}

# What browsers, Node and shells are given can be parsed.
scripts() {
    bad=0
    if command -v node >/dev/null; then
        for f in $(sources '*.js' '*.mjs'); do
            node --check "$f" || bad=1
        done
    else
        echo 'no node here: page.js is parsed by the Chromium of e2e/page alone'
    fi
    for f in $(sources '*.sh' | grep -v '^plugin-api/templates/'); do
        case "$(head -n 1 "$f")" in
        *bash) bash -n "$f" || bad=1 ;;
        *) sh -n "$f" || bad=1 ;;
        esac
    done
    return $bad
}

# What a release is built from is pinned, line for line.
pins() {
    awk '
        /^#/ || /^suite [a-z]+$/ || /^epoch [1-9][0-9]*$/ { next }
        NF != 7 || $3 !~ /^(source|all|amd64|arm64)$/ || $5 !~ /^debian(-security)?$/ ||
        $6 !~ /^pool\/.*\.(dsc|deb|tar\.[gx]z|diff\.gz)$/ || $7 !~ /^[0-9a-f]+$/ || length($7) != 64 {
            print FILENAME ":" FNR ": not PACKAGE VERSION ARCHITECTURE LICENCE ARCHIVE PATH SHA256"
            bad = 1
        }
        seen[$6]++ { print FILENAME ":" FNR ": " $6 " is pinned twice"; bad = 1 }
        END { exit bad }' docker/release/packages.txt >&2
}

# loader/loading is built for a release only, so a build for development does not say how.
tidy() {
    sources 'common/*.c' 'loader/*.c' 'sidecar/*.c' 'sample-plugins/*.c' 'sample-plugins/*.cpp' \
        ':!loader/loading/*' |
        xargs -P "$(nproc)" -n 1 clang-tidy --quiet -p "$1"
}

case "${1-}" in
format | banned | layout | scripts | pins) "$1" ;;
tidy) tidy "${2:-build}" ;;
*)
    echo "usage: $0 format|banned|layout|scripts|pins|tidy [BUILD_DIR]" >&2
    exit 64
    ;;
esac
