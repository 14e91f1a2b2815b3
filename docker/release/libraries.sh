#!/bin/sh
# SPDX-License-Identifier: MIT
# Build one of the libraries of packages.txt, for one of the two C libraries, as small as our use of
# it allows.  Run by build.sh, which sets what is read here from the environment:
#
#   libraries.sh musl|glibc LIBRARY
#   RELEASE_WORK    the folder of the release's work: unpacked/LIBRARY is the source, and
#                   musl/ or glibc/ takes what is installed
#   RELEASE_HOST    the machine it is built for, as in x86_64-linux
#   RELEASE_MUSL_CFLAGS, RELEASE_GLIBC_CFLAGS
#                   flags for every compilation
#   RELEASE_AR, RELEASE_RANLIB
set -eu

libc=$1 name=$2
prefix=$RELEASE_WORK/$libc
folder=$RELEASE_WORK/build/$libc-$name
case $libc in
musl) host=$RELEASE_HOST-musl CFLAGS=$RELEASE_MUSL_CFLAGS ;;
*) host=$RELEASE_HOST-gnu CFLAGS=$RELEASE_GLIBC_CFLAGS ;;
esac
export CC="$RELEASE_WORK/bin/$libc-cc" AR="$RELEASE_AR" RANLIB="$RELEASE_RANLIB"
export CFLAGS CPPFLAGS= LDFLAGS= PKG_CONFIG_LIBDIR="$prefix/lib/pkgconfig"

# Sources come with what autotools made of them; Debian's patches must not have it made again.
copy_source() {
    rm -rf "$folder"
    mkdir -p "$folder"
    cp -R "$RELEASE_WORK/unpacked/$name/." "$folder"
    find "$folder" -type f -exec touch -d @0 {} +
    cd "$folder"
}

# configure OPTIONS...
configure() {
    ./configure --quiet --host="$host" --prefix="$prefix" --disable-shared --enable-static \
        --disable-dependency-tracking "$@"
}

# install FOLDER... [-- GOAL...]: what is to be made there, and goals at the top
install() {
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        make -s -C "$1" V=0 install
        shift
    done
    [ $# -eq 0 ] || { shift && make -s V=0 "$@"; }
}

with_cmake() {
    cmake -S . -B out -G Ninja --log-level=WARNING -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_BUILD_TYPE= \
        -DCMAKE_C_COMPILER="$CC" -DCMAKE_AR="$(command -v "$AR")" \
        -DCMAKE_RANLIB="$(command -v "$RANLIB")" -DCMAKE_INSTALL_PREFIX="$prefix" \
        -DCMAKE_INSTALL_LIBDIR=lib "$@"
    cmake --build out
    cmake --install out
}

copy_source
case $name in
jansson)
    with_cmake -DJANSSON_BUILD_DOCS=OFF -DJANSSON_EXAMPLES=OFF -DJANSSON_WITHOUT_TESTS=ON
    ;;
# The ways to wait but poll(), and the watchers nobody starts: common/loop says why poll().
libev)
    CPPFLAGS="-DEV_FEATURES=0x4c -DEV_USE_POLL=1 -DEV_USE_IOURING=0 -DEV_USE_SIGNALFD=0"
    CPPFLAGS="$CPPFLAGS -DEV_USE_TIMERFD=0 -DEV_SIGNAL_ENABLE=1 -DEV_PREPARE_ENABLE=1"
    configure
    install -- install-libLTLIBRARIES install-includeHEADERS
    ;;
libmd)
    configure
    install include src
    ;;
libyaml)
    with_cmake -DBUILD_SHARED_LIBS=OFF -DBUILD_TESTING=OFF
    ;;
# What reads forms, passwords and cookies is left out, with its past vulnerabilities.
libmicrohttpd)
    configure --disable-https --disable-doc --disable-examples --disable-curl \
        --disable-postprocessor --disable-dauth --disable-bauth --disable-nls --disable-tools \
        --disable-experimental
    install src/include src/microhttpd -- install-pkgconfigDATA
    ;;
# HTTP without TLS, to addresses that no proxy and no .netrc changes.
curl)
    configure --without-ssl --without-zlib --without-brotli --without-zstd --without-nghttp2 \
        --without-libpsl --without-libidn2 --without-librtmp --without-ca-bundle --without-ca-path \
        --disable-ldap --disable-ldaps --disable-ftp --disable-file --disable-dict --disable-telnet \
        --disable-tftp --disable-pop3 --disable-imap --disable-smtp --disable-gopher --disable-rtsp \
        --disable-mqtt --disable-smb --disable-ipfs --disable-websockets --disable-manual \
        --disable-docs --disable-libcurl-option --disable-cookies --disable-aws --disable-ntlm \
        --disable-kerberos-auth --disable-negotiate-auth --disable-basic-auth --disable-bearer-auth \
        --disable-digest-auth --disable-tls-srp --disable-alt-svc --disable-hsts --disable-netrc \
        --disable-doh --disable-proxy --disable-threaded-resolver --disable-mime --disable-form-api \
        --disable-dateparse --disable-progress-meter --disable-headers-api \
        --disable-get-easy-options --disable-unix-sockets
    install lib include -- install-pkgconfigDATA
    ;;
# Without a compiler to machine code: the confinement has no memory that is writable and executable.
pcre2)
    configure --disable-jit --disable-pcre2grep-jit --disable-pcre2grep-callout
    install -- install-libLTLIBRARIES install-includeHEADERS install-nodist_includeHEADERS \
        install-pkgconfigDATA
    ;;
libseccomp)
    configure --disable-python
    install include src -- install-pkgconfDATA
    ;;
zlib)
    ./configure --static --prefix="$prefix" >/dev/null
    make -s libz.a
    make -s install
    ;;
*)
    echo "libraries.sh: no recipe for $name" >&2
    exit 64
    ;;
esac
