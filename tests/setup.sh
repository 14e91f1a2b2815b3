#!/bin/sh
# SPDX-License-Identifier: MIT
# Install what is missing, and say so.  A second run finds everything and takes no time.
#
#   tests/setup.sh build | test | run | bench     what that goal of the Makefile needs
#   tests/setup.sh release | release-test [amd64|arm64]    and for a release for that machine
#   tests/setup.sh venv [REQUIREMENTS]            print where the environment of that file lies; of
#                                                 the agent-server's if none is given
#   tests/setup.sh node                           the same of Node and the packages of MCP's clients
#   tests/setup.sh prometheus                     the same of Prometheus and promtool
#
# Debian packages come from apt, as root or with sudo.  The pinned agent-server goes into a Python
# environment in the user's cache folder, named after the hash of its requirements, so that a
# second clone finds it.  Where no Python is new enough one is built there, once.  Without a network
# that environment is missing: this is said and is no failure here; what needs it decides.  The same
# goes for MCP's conformance suite, the other clients and axe-core, which npm brings, with their Node.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
requirements=$here/real/requirements.txt
conformance=$here/conformance

build_packages="cmake ninja-build gcc g++ libc6-dev pkg-config libev-dev libjansson-dev
    libmicrohttpd-dev libcurl4-openssl-dev libpcre2-dev libseccomp-dev libmd-dev libyaml-dev
    libsqlite3-dev liblinear-dev zlib1g-dev libcmocka-dev scdoc python3"
test_packages="clang clang-format clang-tidy libclang-rt-14-dev valgrind tini tmux curl zsh fish
    strace mandoc chromium python3-jsonschema python3-prometheus-client python3-yaml abigail-tools"
bench_packages="wrk tini dumb-init catatonit s6 supervisor python3-prometheus-client"

release_packages="cmake ninja-build gcc make pkg-config dpkg-dev gperf scdoc python3 apt"

say() { echo "setup: $*"; }
warn() { echo "setup: $*" >&2; }

# --- Debian packages ------------------------------------------------------------------------------

missing_packages() {
    present=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
        sed -n 's/ installed$//p') || true
    for package in "$@"; do
        echo "$present" | grep -qx "$package" || echo "$package"
    done
}

apt_install() {
    apt_get="env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            warn "not root and no sudo here; as root, run:  apt-get install $*"
            exit 1
        fi
        apt_get="sudo $apt_get"
        [ -t 0 ] || apt_get="sudo -n ${apt_get#sudo }"
    fi
    # The package lists may be absent or too old for their mirror: fetch them only if need be.
    if ! $apt_get install --no-install-recommends "$@"; then
        say "once more with fresh package lists"
        if ! $apt_get update || ! $apt_get install --no-install-recommends "$@"; then
            warn "apt-get could not install them; as root, run:  apt-get install $*"
            exit 1
        fi
    fi
}

packages() {
    if ! command -v dpkg-query >/dev/null; then
        warn "this is no Debian; going on, but these must be there by their names here:" "$@"
        return
    fi
    missing=$(missing_packages "$@" | tr '\n' ' ')
    if [ -n "$missing" ]; then
        say "installing Debian packages, needed for 'make $goal': $missing"
        # shellcheck disable=SC2086 # a list of package names
        apt_install $missing
    fi
}

# For the sample in Rust; there may be one that is not Debian's.
rust() { command -v rustc >/dev/null || packages rustc; }

# --- the real agent-server ------------------------------------------------------------------------

venv_path() {
    constraints=${requirements%/*}/constraints.txt
    [ -e "$constraints" ] || constraints=
    hash=$(cat "$requirements" ${constraints:+"$constraints"} | sha256sum | cut -c 1-16)
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/handrail/venv-$hash"
}

# Debian 13's, which Debian 12 has not: the mirror that apt uses has its source, too.
python_source=pool/main/p/python3.13/python3.13_3.13.5.orig.tar.xz
python_sha256=93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640
python_packages="gcc make libc6-dev libbz2-dev libffi-dev liblzma-dev libsqlite3-dev libssl-dev
    xz-utils zlib1g-dev"
python_home=${XDG_CACHE_HOME:-$HOME/.cache}/handrail/python-$(echo "$python_sha256" | cut -c 1-16)

# The agent-server needs 3.12 and its images have 3.13.  What is found is run, because a version
# manager leaves a python3.13 on PATH that only says that it is not installed.
find_python() {
    for version in 3.13 3.12 3.14 3.15; do
        for python in "python$version" \
            "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python3 \
            "$python_home/bin/python$version"; do
            if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' \
                >/dev/null 2>&1; then
                echo "$python"
                return
            fi
        done
    done
    return 1
}

build_python() {
    [ ! -e "$python_home/bin/python3.13" ] || return 0 # by another run
    . "$here/../docker/release/mirror.sh"
    from=$python_home.source
    rm -rf "$from"
    mkdir -p "$from" &&
        /usr/lib/apt/apt-helper -qq -o APT::Sandbox::User= download-file \
            "$(mirror_of debian)/$python_source" "$from/python.tar.xz" "SHA256:$python_sha256" &&
        tar -C "$from" --strip-components=1 -xf "$from/python.tar.xz" &&
        (cd "$from" && ./configure --quiet --prefix="$python_home" --disable-test-modules &&
            make -s -j "$(nproc)" && make -s install DESTDIR="$from/root") >"$from.log" 2>&1 &&
        mv "$from/root$python_home" "$python_home" && rm -rf "$from" "$from.log" && return
    tail -n 5 "$from.log" >&2 || true
    rm -rf "$from"
    return 1
}

have_python() {
    python=$(find_python) && return
    if command -v dpkg-query >/dev/null; then
        # shellcheck disable=SC2086 # a list of package names
        packages $python_packages
        say "the agent-server needs Python 3.12 or newer: building 3.13 into $python_home"
        say "once for all clones; about five minutes and 250 MB"
        locked "$python_home" build_python && python=$(find_python) && return
    fi
    warn "the agent-server needs Python 3.12 or newer, and neither PATH nor pyenv has one that"
    warn "works.  Install one, for example:  pyenv install 3.13   (https://github.com/pyenv/pyenv)"
    return 1
}

# locked FOLDER BUILDER: run it while no other run does.
locked() {
    mkdir -p "$(dirname "$1")" && (flock 9 && "$2" 9>&-) 9>"$1.lock"
}

# A file written last says that the environment is whole: environments cannot be moved, so it is
# built where it stays, and what an interrupted run left is built again.
build_venv() {
    if [ -e "$venv/.complete" ]; then
        say "another run has just installed it"
        return
    fi
    rm -rf "$venv"
    "$python" -m venv "$venv" &&
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
            -r "$requirements" &&
        touch "$venv/.complete" && return
    rm -rf "$venv"
    return 1
}

agent_server() {
    venv=$(venv_path)
    [ -e "$venv/.complete" ] && return
    if ! have_python; then
        warn "going on without the real agent-server"
        return
    fi
    say "installing the pinned agent-server with $python into $venv"
    say "once for all clones; about two minutes and 740 MB"
    if ! locked "$venv" build_venv; then
        warn "the agent-server could not be installed (is there a network?); to see why, run:"
        warn "    $python -m venv /tmp/v && /tmp/v/bin/pip install -r $requirements"
        warn "going on without the real agent-server"
    fi
}

# --- MCP's conformance suite and other clients ----------------------------------------------------

node_path() {
    hash=$(sha256sum "$conformance/package-lock.json" | cut -c 1-16)
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/handrail/node-$hash"
}

# No scripts: nothing that is installed has any that we need.
build_node() {
    if [ -e "$node/.complete" ]; then
        say "another run has just installed it"
        return
    fi
    rm -rf "$node"
    mkdir -p "$node" &&
        cp "$conformance/package.json" "$conformance/package-lock.json" "$node/" &&
        npm ci --prefix "$node" --ignore-scripts --no-audit --no-fund --loglevel=error &&
        touch "$node/.complete" && return
    rm -rf "$node"
    return 1
}

node_packages() {
    node=$(node_path)
    [ -e "$node/.complete" ] && return
    if [ "$(uname -m)" != x86_64 ]; then
        warn "MCP's conformance suite needs x86_64; going on without it"
        return
    fi
    command -v npm >/dev/null || packages npm # there may be one that is not Debian's
    say "installing MCP's conformance suite, clients and axe-core into $node"
    say "once for all clones; half a minute and 340 MB"
    if ! locked "$node" build_node; then
        warn "they could not be installed (is there a network?)"
        warn "going on without MCP's conformance suite"
    fi
}

# --- Prometheus -----------------------------------------------------------------------------------

prometheus_path() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/handrail/prometheus"; }

# Debian's package, unpacked and not installed: installed it would be a service that runs.
build_prometheus() {
    if [ -e "$prometheus/.complete" ]; then
        say "another run has just unpacked it"
        return
    fi
    rm -rf "$prometheus"
    mkdir -p "$prometheus/package" && chmod 755 "$prometheus/package" &&
        (cd "$prometheus/package" && apt-get -q download prometheus) &&
        dpkg-deb -x "$prometheus"/package/prometheus_*.deb "$prometheus" &&
        rm -r "$prometheus/package" &&
        "$prometheus/usr/bin/promtool" --version >/dev/null && touch "$prometheus/.complete" && return
    rm -rf "$prometheus"
    return 1
}

prometheus_package() {
    prometheus=$(prometheus_path)
    [ -e "$prometheus/.complete" ] && return
    say "unpacking Debian's Prometheus into $prometheus"
    say "once for all clones; 20 MB to load"
    if ! locked "$prometheus" build_prometheus; then
        warn "it could not be had (is this a Debian with package lists, and is there a network?)"
        warn "going on without the tests with a real Prometheus"
    fi
}

# One environment for each file; the agent-server's own Python does for them as well.
python_tools() {
    python=$(find_python) || return 0 # which was said
    for requirements in "$conformance"/python-*.txt "$here/kubernetes/requirements.txt"; do
        python_environment ||
            warn "they could not be installed (is there a network?); going on without them"
    done
}

python_environment() { # of $requirements, with $python
    venv=$(venv_path)
    [ ! -e "$venv/.complete" ] || return 0
    say "installing what ${requirements#"$here/"} names into $venv"
    locked "$venv" build_venv
}

# --- a release for another machine ----------------------------------------------------------------

cross_packages() { # ARCHITECTURE [PACKAGE...]: these and its compiler, if it is another
    architecture=${1:-$(dpkg --print-architecture)}
    [ "$#" -eq 0 ] || shift
    [ "$architecture" != "$(dpkg --print-architecture)" ] || return 0
    case $architecture in
    amd64) echo gcc-x86-64-linux-gnu "$@" ;;
    arm64) echo gcc-aarch64-linux-gnu "$@" ;;
    esac # the build says what it cannot build for
}

goal=${1:-}
# shellcheck disable=SC2086 # lists of package names
case $goal in
build) packages $build_packages ;;
test)
    packages $build_packages $test_packages && rust && agent_server && node_packages && python_tools &&
        prometheus_package
    ;;
run) packages $build_packages && agent_server ;;
release) packages $release_packages $(cross_packages "${2-}") ;;
release-test)
    packages $release_packages $(cross_packages "${2-}" qemu-user-static)
    requirements=$here/release/requirements.txt
    python=$(find_python) || python=python3 # any does
    python_environment || {
        warn "what checks the bill of materials could not be installed (is there a network?)"
        exit 1
    }
    ;;
bench) packages $build_packages $bench_packages && agent_server && node_packages ;;
venv)
    requirements=${2:-$requirements}
    venv_path
    ;;
node) node_path ;;
prometheus) prometheus_path ;;
*)
    warn "usage: tests/setup.sh build | test | run | bench | release | release-test | venv [REQUIREMENTS] | node | prometheus"
    exit 64
    ;;
esac
