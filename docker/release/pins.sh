#!/bin/sh
# SPDX-License-Identifier: MIT
# Pin the packages of packages.txt anew: the newest that Debian has in the release it names, with
# the checksums of the signed package lists.  What the lists name and the mirror does not have keeps
# its old pin, which is said.  Prints the new file; look at what changed, and commit.
#
#   docker/release/pins.sh >packages.new && mv packages.new docker/release/packages.txt
#
# Leaves the machine's own apt alone: the package lists are fetched into a folder of its own.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
. "$here/mirror.sh"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suite=$(sed -n 's/^suite //p' "$here/packages.txt")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch" # apt fetches as a user of its own

mkdir -p "$scratch/lists/partial" "$scratch/cache" "$scratch/parts"
: >"$scratch/status"
for archive in debian debian-security; do
    suites="$suite"
    [ "$archive" = debian ] || suites=$suite-security
    cat <<END
Types: deb deb-src
URIs: $(mirror_of "$archive")
Suites: $suites
Components: main
Signed-By: $keyring

END
done >"$scratch/debian.sources"
cat >"$scratch/apt.conf" <<END
Dir::State::Lists "$scratch/lists";
Dir::State::status "$scratch/status";
Dir::Cache "$scratch/cache";
Dir::Etc::sourcelist "$scratch/debian.sources";
Dir::Etc::sourceparts "$scratch/parts";
Dir::Etc::preferencesparts "$scratch/parts";
Dir::Etc::preferences "/dev/null";
APT::Architectures { "amd64"; "arm64"; };
END
export APT_CONFIG="$scratch/apt.conf"
apt-get -q update >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    exit 1
}

# uris PACKAGE ARCHITECTURE: a line "'URI' FILE SIZE SHA256:SUM" for each of its files.
uris() {
    case $2 in
    source) apt-get -q --print-uris source --download-only "$1" ;;
    # Headers of the kernel: no security in them, and a point release's stay on the mirror for longer.
    all) apt-get -q --print-uris download "$1/$suite" ;;
    *) apt-get -q --print-uris download "$1:$2" ;;
    esac 2>>"$scratch/log" | grep "^'" | grep -v '\.asc '
}

# had <URIS: whether the mirror has them all
had() {
    while read -r uri file _ sum; do
        uri=${uri#\'}
        /usr/lib/apt/apt-helper -qq download-file "${uri%\'}" "$scratch/cache/$file" "$sum" \
            >>"$scratch/log" 2>&1 || return 1
    done
}

sed '/^[^#]/,$d' "$here/packages.txt" # what is said at its top
echo "suite $suite"
echo "epoch $(($(date +%s) / 86400 * 86400))"
awk '/^[a-z]/ && NF == 7 { print $1, $3, $4 }' "$here/packages.txt" | uniq |
    while read -r package architecture licence; do
        uris "$package" "$architecture" >"$scratch/uris"
        [ -s "$scratch/uris" ] || {
            echo "pins: $suite has no $package for $architecture" >&2
            exit 1
        }
        version=$(sed -n '1s/^[^ ]* [^_]*_\([^ ]*\) .*/\1/p' "$scratch/uris")
        version=${version%.dsc}
        version=${version%_*.deb}
        if ! had <"$scratch/uris"; then
            echo "pins: the mirror does not have $package $version: the old pin stays" >&2
            awk -v p="$package" -v a="$architecture" '$1 == p && $3 == a' "$here/packages.txt"
            continue
        fi
        while read -r uri _ _ sum; do
            path=$(echo "$uri" | sed "s/^'//; s/'\$//; s/%2b/+/g; s/%7e/~/g; s/%3a/:/g; s|.*/pool/|pool/|")
            case $path in
            pool/updates/*) archive=debian-security ;;
            *) archive=debian ;;
            esac
            echo "$package $version $architecture $licence $archive $path ${sum#SHA256:}"
        done <"$scratch/uris"
    done
