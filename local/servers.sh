#!/usr/bin/env bash
# Make sure that Debian's packages $@ are installed. Nothing of them is started: whoever needs a server starts their own.
set -euo pipefail

# Debian keeps servers where the PATH of an ordinary user does not lead.
PATH=$PATH:/usr/sbin:/usr/local/sbin

is_there() {
    case $1 in
    gettext-base) command -v envsubst ;;
    chromium-driver) command -v chromedriver ;;
    nodejs) command -v node ;;
    systemd) command -v systemd-analyze ;;
    systemd-container) command -v systemd-nspawn ;;
    # The package's PostgreSQL has the extensions that the embedded one lacks.
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/postgres' ;;
    *) command -v "$1" ;;
    esac >/dev/null
}

missing=()
for package in "$@"; do
    is_there "$package" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "This needs ${missing[*]}: install them with your system's packages." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null && exec sudo -n "$0" "$@"
    echo "This needs ${missing[*]}. Install with: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi

# Debian starts a server as it installs it, which would take ports 6379, 80 and 6432, unless this program says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
fi

echo "Installing ${missing[*]} ..."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
# Nor should it start with the machine.
if command -v systemctl >/dev/null; then
    for package in "${missing[@]}"; do
        systemctl --quiet disable "$package" 2>/dev/null || true
    done
fi
