#!/usr/bin/env bash
# Dump the database to DIRECTORY/PGDATABASE-TIME.dump, with its checksum and, without their passwords, the server's roles.
# The server is that of PGHOST, PGUSER and so on. It holds up nobody but a migration.
#
#   dump.sh DIRECTORY
set -euo pipefail
umask 077

name=$PGDATABASE-$(date -u +%Y%m%dT%H%M%SZ).dump
cd "$1"
trap 'rm -f "$name.unfinished"' EXIT
pg_dump --format=custom --lock-wait-timeout=10s --file="$name.unfinished"
pg_dumpall --roles-only --no-role-passwords --file="$name.roles.sql"
mv "$name.unfinished" "$name"
sha256sum "$name" "$name.roles.sql" >"$name.sha256"
sync -f "$name"
echo "$PWD/$name"
