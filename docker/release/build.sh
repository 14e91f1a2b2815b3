#!/bin/sh
# SPDX-License-Identifier: MIT
# The release: /opt/handrail as it lies in an image, from pinned sources.  `make release` and
# docker/Dockerfile run this; it needs Debian's tools, no Docker and no root.
#
#   docker/release/build.sh [--libraries] [amd64|arm64]     for this machine if not said
#
# With --libraries it ends when these are built: in an image, a layer that changes of the code leave.
# It leaves in build-release (build-release-ARCH if built for another machine):
#
#   opt/handrail    the tree
#   debug           what was stripped from its programs, by build-id, for a debugger
#   work            all else; may be removed
#
# The same sources, compiler and packages.txt give the same bytes, wherever and whenever it is run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$here/mirror.sh"
JOBS=${JOBS:-2}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/handrail/packages
export LC_ALL=C TZ=UTC PYTHONUTF8=1
# What compilers and builds take from the environment is for what runs here, not for a release.
unset CFLAGS CPPFLAGS LDFLAGS CPATH C_INCLUDE_PATH LIBRARY_PATH PKG_CONFIG_PATH CONFIG_SITE
umask 022

say() { echo "release: $*"; }
fail() {
    echo "release: $*" >&2
    exit 1
}

case $top in
*[[:space:]]*) fail "the libraries cannot be built in a folder with a space in its name: move $top" ;;
esac

libraries=
if [ "${1-}" = --libraries ]; then
    libraries=1
    shift
fi
native=$(dpkg --print-architecture) || fail "dpkg not found: this needs Debian's tools"
architecture=${1:-$native}
case $architecture in
amd64) machine=x86_64 loader=ld-linux-x86-64.so.2 ;;
arm64) machine=aarch64 loader=ld-linux-aarch64.so.1 ;;
*) fail "usage: $0 [--libraries] [amd64|arm64]" ;;
esac
out=$top/build-release tools=
if [ "$architecture" != "$native" ]; then
    out=$top/build-release-$architecture tools=$machine-linux-gnu-
fi
work=$out/work

missing=
for tool in "${tools}gcc" "${tools}ar" "${tools}ranlib" "${tools}objcopy" "${tools}readelf" cmake ninja make \
    pkg-config dpkg-source dpkg-deb gperf scdoc python3; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ -z "$missing" ] || fail "not found:$missing; on Debian, run: apt-get install cmake dpkg-dev gcc gperf" \
    "make ninja-build pkg-config python3 scdoc (and for arm64 gcc-aarch64-linux-gnu)"

# --- the packages, from the cache or from Debian ----------------------------------------------------

packages() { # the lines for this machine, without those that are only said once
    awk -v machine="$architecture" \
        'NF == 7 && /^[a-z]/ && ($3 == "source" || $3 == "all" || $3 == machine)' "$here/packages.txt"
}

matches() { [ "$(sha256sum <"$1" | cut -c 1-64)" = "$2" ]; }

fetch() { # ARCHIVE PATH SHA256
    file=$cache/${2##*/}
    if [ -f "$file" ]; then
        matches "$file" "$3" && return
        fail "$file is not what packages.txt pins (sha256 $3): remove it and try again"
    fi
    mirror=$(mirror_of "$1")
    [ -n "$mirror" ] || fail "apt here knows no mirror of $1: run apt-get update, or say where one" \
        "is in HANDRAIL_DEBIAN_MIRROR and HANDRAIL_DEBIAN_SECURITY_MIRROR"
    say "fetching ${2##*/}"
    rm -f "$file.part"
    /usr/lib/apt/apt-helper -qq -o APT::Sandbox::User= download-file "$mirror/$2" "$file.part" \
        >"$work/fetch.log" 2>&1 || {
        cat "$work/fetch.log" >&2
        fail "cannot fetch ${2##*/} from $mirror: is there a network?  A mirror drops a version when" \
            "a newer one comes: pin that one with docker/release/pins.sh, or name a snapshot of the" \
            "archive in HANDRAIL_DEBIAN_MIRROR and HANDRAIL_DEBIAN_SECURITY_MIRROR"
    }
    matches "$file.part" "$3" || fail "${2##*/} from $mirror has the sha256" \
        "$(sha256sum <"$file.part" | cut -c 1-64), packages.txt pins $3: do not use this mirror"
    mv "$file.part" "$file"
}

mkdir -p "$work" "$cache"
exec 9>"$cache/lock"
flock 9
packages | while read -r _ _ _ _ archive path sum; do
    fetch "$archive" "$path" "$sum"
done
exec 9>&-

# --- built before? ---------------------------------------------------------------------------------

# Sources and libraries are made again only when what they come from has changed.
stamp=$({
    cat "$here/packages.txt" "$here/libraries.sh"
    sed -n '/^# --- two compilers/,/^# --- the programs/p' "$here/build.sh"
    "${tools}gcc" --version
    echo "$top"
} | sha256sum)
if [ "$(cat "$work/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$work"
    mkdir -p "$work/unpacked" "$work/packages" "$work/bin"
    fresh=1
fi
rm -rf "$out/opt" "$out/debug" "$out/static" "$out/loading"

# --- two compilers -----------------------------------------------------------------------------------

# gcc with one of the two C libraries, which are the pinned ones and not this machine's.
#   musl-cc   makes static, position-independent programs; there is nothing else it can make
#   glibc-cc  makes programs that run with the loader and the C library of /opt/handrail/lib
make_compilers() {
    musl=$work/packages/musl-dev/usr glibc=$work/sysroot
    mkdir -p "$work/kernel" "$glibc"
    for folder in linux asm-generic "$machine-linux-gnu/asm"; do
        ln -s "$work/packages/linux-libc-dev/usr/include/$folder" "$work/kernel/${folder##*/}"
    done
    cp -R "$work/packages/linux-libc-dev/usr" "$work/packages/libc6/usr" \
        "$work/packages/libc6-dev/usr" "$glibc"
    ln -s usr/lib "$glibc/lib"
    ln -s usr/lib64 "$glibc/lib64"
    cat >"$work/musl.specs" <<END
%rename cpp_options old_cpp_options

*cpp_options:
-nostdinc -isystem $musl/include/$machine-linux-musl -isystem include%s -isystem $work/kernel %(old_cpp_options)

*cc1:
%(cc1_cpu) -nostdinc -isystem $musl/include/$machine-linux-musl -isystem include%s -isystem $work/kernel

*link_libgcc:
-L$musl/lib/$machine-linux-musl -L .%s

*libgcc:
libgcc.a%s %:if-exists(libgcc_eh.a%s)

*startfile:
$musl/lib/$machine-linux-musl/rcrt1.o $musl/lib/$machine-linux-musl/crti.o crtbeginS.o%s

*endfile:
crtendS.o%s $musl/lib/$machine-linux-musl/crtn.o

*link:
%{rdynamic:} -static -pie --no-dynamic-linker -z text -nostdlib --build-id=sha1 -z relro -z now -z noexecstack

*esp_link:


*esp_options:


*esp_cpp_options:


END
    outline=
    [ "$machine" != aarch64 ] || outline=-mno-outline-atomics # they ask a C library that is not musl
    cat >"$work/bin/musl-cc" <<END
#!/bin/sh
exec ${tools}gcc -specs=$work/musl.specs $outline "\$@"
END
    cat >"$work/bin/glibc-cc" <<END
#!/bin/sh
exec ${tools}gcc --sysroot=$glibc -B$glibc/usr/lib/$machine-linux-gnu -L$glibc/usr/lib/$machine-linux-gnu "\$@"
END
    chmod 755 "$work/bin/musl-cc" "$work/bin/glibc-cc"
}

unpack() {
    packages | while read -r name _ _ _ _ path _; do
        case $path in
        *.dsc)
            (cd "$cache" && dpkg-source --no-check -x "${path##*/}" "$work/unpacked/$name") \
                >"$work/unpack.log" 2>&1 || {
                cat "$work/unpack.log" >&2
                fail "cannot unpack $name"
            }
            ;;
        *.deb) dpkg-deb -x "$cache/${path##*/}" "$work/packages/$name" ;;
        esac
    done
}

# Paths of this machine are in no file of the release, nor in what a debugger is told.  Small before
# fast: what takes time here are system calls.  Nothing unwinds a stack but a debugger, and that has
# tables of its own.
flags="-g -ffile-prefix-map=$top=/usr/src/handrail -fstack-protector-strong -fno-common"
flags="$flags -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables"
musl_flags="-Os -fPIE $flags"
glibc_flags="-Os -fPIC $flags"
export SOURCE_DATE_EPOCH RELEASE_WORK="$work" RELEASE_HOST="$machine-linux"
export RELEASE_MUSL_CFLAGS="$musl_flags" RELEASE_GLIBC_CFLAGS="$glibc_flags"
export RELEASE_AR="${tools}ar" RELEASE_RANLIB="${tools}ranlib"
SOURCE_DATE_EPOCH=$(sed -n 's/^epoch //p' "$here/packages.txt")

# Those that take longest first, each on one processor.
build_libraries() {
    cat >"$work/libraries" <<END
musl curl
musl libmicrohttpd
glibc pcre2
musl pcre2
glibc libseccomp
musl libmd
glibc libmd
musl jansson
glibc jansson
musl libev
glibc libev
glibc libyaml
musl zlib
END
    mkdir -p "$work/logs"
    xargs -P "$JOBS" -n 2 sh -c '
        began=$(date +%s)
        log=$RELEASE_WORK/logs/$2-$1.log
        if sh "$0/libraries.sh" "$1" "$2" >"$log" 2>&1; then
            echo "release: $2 for $1 ($(($(date +%s) - began)) s)"
        else
            tail -n 40 "$log" >&2
            echo "release: building $2 for $1 failed, $log" >&2
            exit 255
        fi' "$here" <"$work/libraries" || exit 1
}

if [ "${fresh-}" ]; then
    say "unpacking"
    unpack
    make_compilers
    build_libraries
    echo "$stamp" >"$work/stamp"
fi

# --- the programs ------------------------------------------------------------------------------------

[ -z "$libraries" ] || exit 0

# programs static|loading musl|glibc FLAGS LINK-FLAGS GOAL...
programs() {
    part=$1 libc=$2 flags=$3 link=$4
    shift 4
    PKG_CONFIG_LIBDIR="$work/$libc/lib/pkgconfig" cmake -S "$top" -B "$out/$part" -G Ninja \
        --log-level=WARNING -DHANDRAIL_PART="$part" -DHANDRAIL_TESTS=OFF \
        -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_FLAGS_RELWITHDEBINFO="$flags -DNDEBUG" \
        -DCMAKE_EXE_LINKER_FLAGS="-Wl,--gc-sections $link" \
        -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$machine" \
        -DCMAKE_C_COMPILER="$work/bin/$libc-cc" -DCMAKE_AR="$(command -v "${tools}gcc-ar")" \
        -DCMAKE_RANLIB="$(command -v "${tools}gcc-ranlib")" -DCMAKE_FIND_ROOT_PATH="$work/$libc" \
        -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
        -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY >"$work/logs/$part.log" 2>&1 &&
        cmake --build "$out/$part" --parallel "$JOBS" --target "$@" >>"$work/logs/$part.log" 2>&1 || {
        tail -n 40 "$work/logs/$part.log" >&2
        fail "building the $part programs failed, $work/logs/$part.log"
    }
}

tree=$out/opt/handrail prefix=/opt/handrail
pack=
[ "$machine" != x86_64 ] || pack=-Wl,-z,pack-relative-relocs # a tenth of the relocations' bytes
small=-Oz # for the code of ours, where the libraries have -Os: it may take more instructions
say "the static programs"
# Compiled as one each, which makes them a tenth smaller.  Not so the loading ones: there each part of
# the file has to stay together, so that a toolhost has no pages of the tools in memory.
programs static musl "$musl_flags $small -flto=$JOBS" "$pack" all
say "the programs that load plugins"
# An absolute DT_RPATH: DT_RUNPATH would lose to LD_LIBRARY_PATH, and $ORIGIN needs /proc.
programs loading glibc "$glibc_flags $small" "$pack -static-libgcc -Wl,--build-id=sha1,--disable-new-dtags,\
-rpath,$prefix/lib,--dynamic-linker=$prefix/lib/$loader" handrail-loading

# --- the tree ----------------------------------------------------------------------------------------

# separate PROGRAM: into the tree, and what a debugger needs of it into the folder beside the tree
separate() {
    id=$("${tools}readelf" -n "$1" | sed -n 's/.*Build ID: //p')
    folder=$out/debug/.build-id/$(echo "$id" | cut -c 1-2)
    debug=$folder/$(echo "$id" | cut -c 3-).debug
    mkdir -p "$folder"
    "${tools}objcopy" --only-keep-debug "$1" "$debug"
    chmod 644 "$debug"
    "${tools}objcopy" --strip-all "$1" "$tree/bin/${1##*/}"
}

mkdir -p "$tree/bin" "$tree/lib"
for folder in include lib share; do
    cp -R "$out/static/opt/handrail/$folder" "$tree/"
done
find "$tree/share/man" -type f -exec gzip -9n {} +
# For programs: what is in them in plain words is in the manual pages.
for schema in "$tree/share/schema"/*; do
    python3 -c 'import json, sys
json.dump(json.load(sys.stdin), sys.stdout, separators=(",", ":"), ensure_ascii=False)' \
        <"$schema" >"$work/schema.json" || fail "$schema is no JSON"
    cp "$work/schema.json" "$schema"
done
for program in "$out/static/opt/handrail/bin"/*; do
    separate "$program"
done
# One file with three names.
mv "$out/loading/opt/handrail/bin/handrail-loading" "$out/loading/handrail-toolhost"
separate "$out/loading/handrail-toolhost"
for name in handrail-plugin handrail-image; do
    ln -s handrail-toolhost "$tree/bin/$name"
done

# What a plugin may need of the C library, which for plugins built on Debian 11 and before was more
# files than it is now.  libgcc_s is what exceptions and Rust take.
for library in "$loader" libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 \
    libresolv.so.2; do
    cp -L "$work/packages/libc6/usr/lib/$machine-linux-gnu/$library" "$tree/lib/$library"
done
cp -L "$work/packages/libgcc-s1/usr/lib/$machine-linux-gnu/libgcc_s.so.1" "$tree/lib/"

# The loader loads what /etc/ld.so.preload names into every process, and no option or variable keeps it
# from that: that file is the image's, and what it names was made for the image's C library.  In our
# copy of the loader the file has the empty name, which none has.
python3 -c 'import sys
name = b"/etc/ld.so.preload\0"
with open(sys.argv[1], "r+b") as f:
    data = f.read()
    if data.count(name) != 1:
        sys.exit(1)
    f.seek(data.index(name))
    f.write(bytes(len(name)))' "$tree/lib/$loader" ||
    fail "$loader does not have the name of ld.so.preload once: look at what this version of it reads"

# --- what is inside, and under which licences ------------------------------------------------------

# licences: those of Debian's packages, with the texts that they only name
licences() {
    mkdir -p "$tree/share/licenses"
    cp "$top/LICENSE" "$tree/share/licenses/handrail"
    for package in $(packages | cut -d ' ' -f 1 | sort -u); do
        case $package in
        libc6-dev | linux-libc-dev) ;; # nothing of them is inside
        libgcc-s1) cat "/usr/share/doc/gcc-$("${tools}gcc" -dumpversion)-base/copyright" ;;
        *) cat "$work/unpacked/$package/debian/copyright" 2>/dev/null ||
            cat "$work/packages/$package/usr/share/doc/$package/copyright" ;;
        esac >"$tree/share/licenses/$package" || fail "$package does not say its licence"
    done
    cp /usr/share/common-licenses/LGPL-2.1 /usr/share/common-licenses/GPL-3 "$tree/share/licenses/"
    find "$tree/share/licenses" -empty -delete
    gzip -9n "$tree/share/licenses"/*
}

# linked PART GOAL PROGRAM: a line PROGRAM=ARCHIVE,...: what of the libraries the linker was given
linked() {
    case $1 in
    static) libc=musl also=libc ;;
    *) libc=glibc also= ;;
    esac
    echo "$3=$(ninja -C "$out/$1" -t commands "$2" | tail -n 1 | tr ' ' '\n' |
        sed -n "s|^$work/$libc/lib/\(.*\)\.a\$|\1|p" | sort -u | tr '\n' ',')$also" |
        sed 's/,$//'
}

licences
version=$(sed -n 's/^project(handrail VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
python3 "$here/sbom.py" "$tree" "$here/packages.txt" "$architecture" "$version" \
    "$("${tools}gcc" -dumpfullversion)" "$(linked static handrail handrail)" \
    "$(linked static handrail-sidecar handrail-sidecar)" \
    "$(linked loading handrail-loading handrail-toolhost)" >"$work/spdx.json"
cp "$work/spdx.json" "$tree/share/handrail.spdx.json"

find "$tree" -type d -exec chmod 755 {} +
find "$tree" -type f -exec chmod 644 {} +
find "$tree/bin" -type f -exec chmod 755 {} +
chmod 755 "$tree/lib/$loader"
find "$out/opt" "$out/debug" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

say "$tree: $(find "$tree" -type f -printf '%s\n' | awk '{ n += $1 } END { printf "%.2f MB", n / 1e6 }')"
