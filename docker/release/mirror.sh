# SPDX-License-Identifier: MIT
# Where Debian is to be had: as this machine's apt is set up, or as the environment says.
# shellcheck shell=sh

# mirror_of debian|debian-security: the address, without a slash at its end; nothing if unknown.
mirror_of() {
    case $1 in
    debian) mirror=${HANDRAIL_DEBIAN_MIRROR-} label=Debian ;;
    *) mirror=${HANDRAIL_DEBIAN_SECURITY_MIRROR-} label=Debian-Security ;;
    esac
    if [ -z "$mirror" ] && command -v apt-get >/dev/null; then
        mirror=$(env -u APT_CONFIG apt-get indextargets --format '$(LABEL) $(REPO_URI)' |
            sed -n "s/^$label //p" | head -n 1)
    fi
    echo "${mirror%/}"
}
