#!/bin/sh
# SPDX-License-Identifier: MIT
# Build docker/Dockerfile and every image of docker/examples, and run them with the real agent-server as
# docker/kubernetes would, and as other platforms do: images.py says how.
#
# Needs root, buildah, debootstrap, iproute2, python3-yaml, runc, and a network for the packages.  No
# image is pulled: a fresh Debian 13 plays the base of both Dockerfiles, the second time with the
# pinned agent-server installed in it.  These two and the stages of docker/Dockerfile lie in the user's
# cache folder (about 3 GB, up to twenty minutes the first time); everything else is removed at the end.
#
#   tests/containers/run.sh [--keep] [IMAGE...]      --keep leaves the built images there as well
set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/tests/containers
store=${XDG_CACHE_HOME:-$HOME/.cache}/handrail/containers
python=${PYTHON:-/usr/bin/python3}
certificates=/etc/ssl/certs/ca-certificates.crt
release=trixie
# docker/examples, each after the one it is made from; the first is made from the agent-server's.
examples="minimal tools data-science custom-agent"

say() { echo "containers: $*"; }
fail() {
    echo "containers: $*" >&2
    exit 1
}

keep=
if [ "${1:-}" = --keep ]; then
    keep=1
    shift
fi
wanted=${*:-$examples}
for name in $wanted; do
    [ -d "$top/docker/examples/$name" ] || fail "usage: $0 [--keep] [IMAGE...], of: $examples"
done

[ "$(id -u)" = 0 ] || fail "needs root: it makes root file systems and containers"
missing=
for tool in buildah debootstrap ip runc unshare "$python"; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
[ -z "$missing" ] || fail "not found:$missing; on Debian, run:" \
    "apt-get install buildah debootstrap iproute2 python3 python3-yaml runc util-linux"
"$python" -c 'import yaml' 2>/dev/null || fail "no module yaml: apt-get install python3-yaml"

mkdir -p "$store"
exec 9>"$store/lock"
flock -n 9 || {
    say "waiting for another run of this test"
    flock 9
}

scratch=$(mktemp -d /var/tmp/handrail-containers.XXXXXX)

image_store() {
    buildah --root "$store/images" --runroot "$scratch/run" "$@" 9>&-
}

clean_up() {
    image_store rm --all >/dev/null 2>&1 || true # working containers, with their mounts
    if [ -z "$keep" ]; then
        for name in $examples; do
            image_store rmi "handrail-test/$name" >/dev/null 2>&1 || true
        done
        image_store rmi handrail:dev >/dev/null 2>&1 || true
    fi
    image_store rmi --prune >/dev/null 2>&1 || true # what an interrupted build left
    umount "$scratch/run/overlay" 2>/dev/null || true
    rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

exists() { image_store inspect --type image "$1" >/dev/null 2>&1; }

# With the host's certificates, because a network may need its own.
build() {
    if [ -f "$certificates" ]; then
        set -- --volume "$certificates:/etc/ssl/certs/ca-certificates.crt:ro" "$@"
    fi
    image_store bud --isolation chroot --pull-never "$@" >"$scratch/build.log" 2>&1 || {
        tail -n 60 "$scratch/build.log" >&2
        fail "building failed, see above"
    }
}

# --- the bases, once ------------------------------------------------------------------------------

debian=handrail-test/debian:$release
if ! exists "$debian"; then
    say "making a Debian ($release) base"
    debootstrap --variant=minbase --include=ca-certificates "$release" "$scratch/root" \
        >"$scratch/build.log" 2>&1 || {
        tail -n 20 "$scratch/build.log" >&2
        fail "debootstrap failed, see above"
    }
    rm -rf "$scratch/root/var/lib/apt/lists"/* "$scratch/root/var/cache/apt"/*
    # As in Debian's container images: apt keeps nothing it can make again.
    cat >"$scratch/root/etc/apt/apt.conf.d/no-caches" <<'END'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };
END
    container=$(image_store from scratch)
    image_store add -q "$container" "$scratch/root" / >/dev/null
    image_store config --cmd /bin/sh "$container"
    image_store commit -q --rm "$container" "$debian" >/dev/null
    rm -rf "$scratch/root"
fi

mkdir "$scratch/context"
cp "$top/tests/real/"*.txt "$here/openhands-agent-server" "$scratch/context/"
hash=$(cat "$scratch/context"/* "$here/agent-server.Dockerfile" | sha256sum | cut -c 1-16)
agent_server=handrail-test/agent-server:$hash
if ! exists "$agent_server"; then
    say "installing the pinned agent-server on it, some minutes"
    build --build-arg "BASE=$debian" --tag "$agent_server" -f "$here/agent-server.Dockerfile" \
        "$scratch/context"
fi

# --- what is tested -------------------------------------------------------------------------------

# Layer by layer, and the stages have names so that theirs stay: the next time only what has changed
# is built.
say "building docker/Dockerfile"
for stage in release plugins; do
    build --layers --build-arg "BASE=$debian" --target "$stage" --tag "handrail-test/$stage" \
        -f "$top/docker/Dockerfile" "$top"
done
build --layers --build-arg "BASE=$debian" --tag handrail:dev -f "$top/docker/Dockerfile" "$top"
base=$agent_server
for name in $examples; do
    case " minimal $wanted " in *" $name "*) ;; *) continue ;; esac
    say "building docker/examples/$name"
    build --build-arg "BASE=$base" --tag "handrail-test/$name" "$top/docker/examples/$name"
    base=handrail-test/minimal
done

set --
for name in $wanted; do
    image_store inspect --type image "handrail-test/$name" >"$scratch/$name.json"
    container=$(image_store from --pull-never "handrail-test/$name")
    set -- "$@" "$name=$(image_store mount "$container")"
done

# A network of their own, with a loopback and nothing else: the usual ports are free there.
unshare --net sh -c 'ip link set lo up && exec "$@"' sh \
    "$python" -B "$here/images.py" "$scratch" "$@"
