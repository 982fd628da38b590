#!/usr/bin/env bash
# Make sure that redis-server, nginx, envsubst, pgbouncer and PostgreSQL's package exist: the tests start their own, on
# free ports.
# The package's PostgreSQL has the extensions that the embedded one lacks.
set -euo pipefail

# Debian keeps them where the PATH of an ordinary user does not lead.
PATH=$PATH:/usr/sbin:/usr/local/sbin

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
command -v nginx >/dev/null || missing+=(nginx)
command -v envsubst >/dev/null || missing+=(gettext-base)
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
command -v pgbouncer >/dev/null || missing+=(pgbouncer)
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "The tests need ${missing[*]}: install them with your system's packages." >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null && exec sudo -n "$0"
    echo "The tests need ${missing[*]}. Install with: sudo apt-get install ${missing[*]}" >&2
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
    systemctl --quiet disable "${missing[@]}" || true
fi
