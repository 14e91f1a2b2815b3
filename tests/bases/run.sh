#!/bin/sh
# SPDX-License-Identifier: MIT
# `make test-bases`: the release in the root file systems of many distributions, and in one that has
# nothing else.  bases.py says what is tried in each.
#
# Needs root, cc, debootstrap, iproute2, util-linux, Debian's archive keyring, and a network.  The root file
# systems, about 2 GB, are made once and lie in the user's cache folder: the first run takes about
# fifteen minutes, each other one minute after the release is built.  Nothing is written to them.
#
#   tests/bases/run.sh [BASE...]      all if none is named
#
# Where the distributions are had from: debootstrap's defaults, or HANDRAIL_DEBIAN_MIRROR and
# HANDRAIL_UBUNTU_MIRROR.  HANDRAIL_ALPINE_ROOTFS is the file of an Alpine minirootfs (.tar.gz);
# without it Alpine is not tried, which is said.
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/bases
store=${XDG_CACHE_HOME:-$HOME/.cache}/handrail/bases
python=${PYTHON:-/usr/bin/python3}
oldest=debian-11 newest=debian-13 # where plugins are built too

# NAME SUITE
bases="empty -
debian-11 bullseye
debian-12 bookworm
debian-13 trixie
ubuntu-16.04 xenial
ubuntu-18.04 bionic
ubuntu-20.04 focal
ubuntu-22.04 jammy
ubuntu-24.04 noble
alpine -"

say() { echo "bases: $*"; }
fail() {
    echo "bases: $*" >&2
    exit 1
}

names=$(echo "$bases" | cut -d ' ' -f 1)
for name in "$@"; do
    echo "$names" | grep -qx "$name" || fail "usage: $0 [BASE...], of: $(echo $names)"
done
[ "$#" -gt 0 ] || set -- $names
[ "$(id -u)" = 0 ] || fail "needs root: it makes root file systems and changes into them"
missing=
for tool in cc debootstrap ip nsenter unshare "$python"; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ -z "$missing" ] || fail "not found:$missing; on Debian, run:" \
    "apt-get install debootstrap gcc iproute2 libc6-dev python3 util-linux"

mkdir -p "$store"
exec 9>"$store/lock"
flock -n 9 || {
    say "waiting for another run of this test"
    flock 9
}
scratch=$(mktemp -d /var/tmp/handrail-bases.XXXXXX)
trap 'rm -rf --one-file-system "$scratch"' EXIT
trap 'exit 130' INT TERM HUP

# --- the root file systems, once --------------------------------------------------------------------

# make_root NAME SUITE MIRROR [OPTION...]: complete or not at all
make_root() {
    root=$store/$1
    suite=$2 mirror=$3
    shift 3
    [ ! -d "$root" ] || return 0
    say "making $root, once; a minute or two"
    rm -rf --one-file-system "$root.part"
    # Of a release that is newer than debootstrap is, the script is missing: they are all one.
    script=/usr/share/debootstrap/scripts/$suite
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/gutsy
    debootstrap --variant=minbase "$@" "$suite" "$root.part" "$mirror" "$script" \
        >"$scratch/log" 2>&1 || {
        tail -n 20 "$scratch/log" >&2
        fail "debootstrap $suite failed, see above"
    }
    umount "$root.part/proc" 2>/dev/null || true
    rm -rf "$root.part/var/cache/apt"/*
    mv "$root.part" "$root"
}

debian() { # NAME SUITE
    include=
    case $1 in "$oldest" | "$newest") include=--include=gcc,libc6-dev ;; esac
    make_root "$1" "$2" "${HANDRAIL_DEBIAN_MIRROR-}" $include
}

# Debian has the keys of Ubuntu's archive as a package, in the newest base if not here.
ubuntu_keyring() {
    keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
    [ ! -f "$keyring" ] || return 0
    keyring=$store/ubuntu-archive-keyring.gpg
    [ ! -f "$keyring" ] || return 0
    debian "$newest" trixie
    say "fetching the keys of Ubuntu's archive from Debian"
    mkdir "$scratch/keys"
    cp -a "$store/$newest" "$scratch/root"
    chroot "$scratch/root" sh -ec 'cd /tmp && apt-get -q update &&
        apt-get -q -o APT::Sandbox::User=root download ubuntu-keyring' >"$scratch/log" 2>&1 || {
        tail -n 20 "$scratch/log" >&2
        fail "Debian's package ubuntu-keyring cannot be had, see above"
    }
    dpkg-deb -x "$scratch/root/tmp"/ubuntu-keyring_*.deb "$scratch/keys"
    cp "$scratch/keys/usr/share/keyrings/${keyring##*/}" "$keyring"
    rm -rf --one-file-system "$scratch/root"
}

alpine() {
    [ -n "${HANDRAIL_ALPINE_ROOTFS-}" ] || return 0
    rm -rf --one-file-system "$store/alpine"
    mkdir "$store/alpine"
    tar -xf "$HANDRAIL_ALPINE_ROOTFS" -C "$store/alpine"
}

suite_of() { # NAME
    echo "$bases" | sed -n "s/^$1 //p"
}

tried=
for name in "$@"; do
    case $name in
    empty) mkdir -p "$store/empty" ;;
    debian-*) debian "$name" "$(suite_of "$name")" ;;
    ubuntu-*)
        ubuntu_keyring
        make_root "$name" "$(suite_of "$name")" "${HANDRAIL_UBUNTU_MIRROR-}" "--keyring=$keyring"
        ;;
    alpine) alpine ;;
    esac
    if [ -d "$store/$name" ]; then
        tried="$tried $name=$store/$name"
    else
        say "$name: NOT TRIED: name the file of a minirootfs in HANDRAIL_ALPINE_ROOTFS"
    fi
done
debian "$oldest" bullseye
debian "$newest" trixie

# --- what is put into them ----------------------------------------------------------------------------

sh "$top/docker/release/build.sh"
make -s -C "$top" build

cc -static -O2 -o "$scratch/server" "$here/server.c"

# plugin WHERE [OPTION...]: libc-WHERE.so, built with that base's compiler, or else with this machine's
plugin() {
    where=$1 folder=$scratch/build
    shift
    mkdir "$folder"
    cp -R "$top/plugin-api/include/handrail" "$here/plugin.c" "$folder/"
    set -- gcc -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden \
        -D_GNU_SOURCE "-DPLUGIN_NAME=\"libc-$where\"" -I. -Wl,-z,defs,-z,now,--no-as-needed "$@" \
        -o plugin.so plugin.c -pthread -lm -ldl
    if [ -d "$store/$where" ]; then
        # shellcheck disable=SC2016 # for the inner shells
        unshare --mount sh -euc 'root=$1 folder=$2
            shift 2
            mount --bind "$folder" "$root/mnt"
            exec chroot "$root" sh -c "cd /mnt && TMPDIR=/mnt exec \"\$@\"" sh "$@"' \
            sh "$store/$where" "$folder" "$@"
    else
        (cd "$folder" && "$@")
    fi
    install -m 644 "$folder/plugin.so" "$scratch/libc-$where.so"
    rm -rf "$folder"
}
plugin here
plugin "$oldest"
plugin "$newest"
# Which searches the image for its libraries first.
plugin runpath '-Wl,--enable-new-dtags,-rpath,/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib'
cp "$top/build/opt/handrail/share/plugins/hash-tree.so" "$scratch/"
cc -shared -fPIC -o "$scratch/evil.so" "$here/evil.c"

# A network and mounts of its own: the ports are free there, and what is mounted ends with it.
# shellcheck disable=SC2086 # names and paths without blanks
unshare --mount --net sh -c 'ip link set lo up && exec "$@"' sh \
    "$python" -B "$here/bases.py" "$scratch" "$top/build-release/opt/handrail" $tried
