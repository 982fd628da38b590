#!/usr/bin/env bash
# Copy the data of the running server to DIRECTORY/base-TIME: with the archived WAL since, it can be restored as it was at
# any moment after. It holds nobody up. The server is that of PGHOST, PGUSER and so on; the role needs REPLICATION.
#
#   base-backup.sh DIRECTORY
set -euo pipefail
umask 077

backup=$1/base-$(date -u +%Y%m%dT%H%M%SZ)
trap 'rm -rf "$backup.unfinished"' EXIT
pg_basebackup --pgdata="$backup.unfinished" --checkpoint=fast --wal-method=stream --manifest-checksums=SHA256
pg_verifybackup --quiet "$backup.unfinished"
mv "$backup.unfinished" "$backup"
sync -f "$backup"
echo "$backup"
