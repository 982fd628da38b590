#!/usr/bin/env bash
# Make the virtual environment $1 and install the pinned requirements of file $2 in it.
set -euo pipefail

venv=$1
requirements=$2
python=${PYTHON:-python3}

fail() {
    echo "$*" >&2
    exit 1
}

# It would be emptied for everybody who uses it.
[ ! -L "$venv" ] || fail "$venv is a link to somebody else's environment: remove it, and I make one here."

command -v "$python" >/dev/null || fail "Python 3.11 or newer is needed, and there is no $python."
# From elsewhere: in here pyenv would follow .python-version, which is for Heroku, even to a Python that is not there.
[ -n "${PYTHON:-}" ] || python=$(cd / && "$python" -c 'import sys; print(sys.executable)')
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed, and $python is $("$python" -V 2>&1)." \
        "Name a newer one: make PYTHON=python3.12 ..."

make_venv() {
    "$python" -m venv --clear "$venv"
}

# Debian splits the venv module off into a package of its own.
if ! problem=$(make_venv 2>&1); then
    rm -rf "$venv"
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        fail "$problem" $'\n'"Install the venv module first, on Debian: apt-get install $package"
    fi
    echo "Installing $package ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" >/dev/null
    make_venv
fi

echo "Installing the pinned requirements ..."
# Python compiles what is imported, which is a small part of what is installed.
"$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --require-hashes -r "$requirements"
