#!/usr/bin/env bash
# Installs the packages of tools/packages.txt that are missing, with apt-get, as root or through sudo.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
list=$here/packages.txt

fail() {
    echo "install_packages.sh: error: $*" >&2
    exit 1
}

command -v dpkg-query >/dev/null ||
    fail "this is not a Debian system (no dpkg-query); install what tools/packages.txt lists by hand"

mapfile -t wanted < <(sed 's/#.*//' "$list" | awk 'NF { print $1 }')
missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [[ $state == "install ok installed" ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    echo "all ${#wanted[@]} packages of tools/packages.txt are installed"
    exit 0
fi
echo "missing: ${missing[*]}"

as_root=()
if ((EUID != 0)); then
    command -v sudo >/dev/null || fail "neither root nor sudo; run as root: apt-get install ${missing[*]}"
    as_root=(sudo)
fi

# apt-get, noninteractive; a mirror or a lock that is busy for a moment gets two more chances.
apt() {
    local attempt
    for attempt in 1 2 3; do
        if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
            -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -qq "$@" </dev/null; then
            return 0
        fi
        echo "apt-get $1 failed (attempt $attempt of 3)" >&2
        ((attempt == 3)) || sleep $((attempt * 5))
    done
    return 1
}

apt update || echo "apt-get update failed; trying with the package lists there are" >&2
apt install --yes --no-install-recommends "${missing[@]}" >&2 ||
    fail "apt-get could not install: ${missing[*]}"
