#!/usr/bin/env bash
# PostgreSQL's archive_command: copy the WAL segment FILE to PLACE, whole and on disk, or fail and be asked again.
#
#   archive-wal.sh FILE PLACE
set -euo pipefail

# After a crash PostgreSQL may ask for one again that was copied. Another of the same name is another server's.
[ ! -e "$2" ] || exec cmp --silent "$1" "$2"
umask 077
cp "$1" "$2.unfinished"
sync "$2.unfinished"
mv "$2.unfinished" "$2"
sync "$(dirname "$2")"
