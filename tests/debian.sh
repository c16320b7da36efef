# A Debian in a folder, for what this machine's system has not. tests/platforms and tests/drivers source this file.

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# A command of the system's own, which Debian can install: needs COMMAND PACKAGE
needs() {
    command -v "$1" >/dev/null && return
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        apt-get update -qq
        apt-get install -y -qq "$2" >/dev/null
    fi
    command -v "$1" >/dev/null || fail "No $1. Install it, then run this again (Debian and Ubuntu: apt-get install $2)."
}

# Makes FOLDER a Debian of the first RELEASE that can be had, with PACKAGES, unless it is there:
#   make_debian FOLDER PACKAGES RELEASE...
# It gets its name only when it is complete. debootstrap's words go to FOLDER.log.
make_debian() {
    local root=$1 packages=$2 mirror release
    shift 2
    [ -d "$root" ] && return
    [ "$(id -u)" = 0 ] || fail "A Debian root is made and entered by root only. Run this as root."
    command -v apt-get >/dev/null || fail "This is no Debian or Ubuntu, whose apt knows where to get a Debian from."
    needs debootstrap debootstrap
    # The mirror that this machine's apt uses.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || fail "apt knows no mirror of Debian, from which a Debian root could be made."
    for release; do
        printf 'Making a Debian %s in %s\n' "$release" "$root" >&2
        rm -rf "$root.new"
        mkdir -p "$root.new"
        # debootstrap cannot work in a path with a space, so it sees the folder as /mnt.
        if MIRROR=$mirror RELEASE=$release PACKAGES=$packages unshare --mount bash -euc '
            mount --bind "$0" /mnt
            debootstrap --variant=minbase --include="$PACKAGES" "$RELEASE" /mnt "$MIRROR"' \
            "$root.new" >"$root.log" 2>&1; then
            mv "$root.new" "$root"
            return
        fi
        tail -n 20 "$root.log" >&2
    done
    fail "debootstrap failed: see $root.log"
}
