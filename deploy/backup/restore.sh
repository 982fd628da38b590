#!/usr/bin/env bash
# Restore DUMP, which dump.sh made, as the new DATABASE of the server of PGHOST, PGUSER and so on. All in it will belong
# to OWNER, the role of DATABASE_URL, which must exist: NAME.dump.roles.sql has the roles there were.
#
#   restore.sh DUMP DATABASE OWNER
set -euo pipefail

dump=$1 database=$2 owner=$3
(cd "$(dirname "$dump")" && sha256sum --check --quiet "$(basename "$dump").sha256")
createdb --template=template0 --encoding=UTF8 --owner="$owner" "$database"
pg_restore --dbname="$database" --no-owner --role="$owner" --exit-on-error --jobs="${JOBS:-2}" "$dump"
# A dump has no statistics, and without them every plan is a guess.
vacuumdb --analyze-only --quiet --jobs="${JOBS:-2}" "$database"
