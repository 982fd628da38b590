#!/usr/bin/env bash
# Make DATA, which must not exist, the data of a new server that will be as the old one was at TARGET.
#
#   restore-to.sh BACKUP ARCHIVE DATA TARGET
#
# BACKUP is what base-backup.sh printed, ARCHIVE where archive-wal.sh put the WAL. TARGET is a time with its zone
# ('2026-11-24 21:30:00+00'), a WAL position ('0/3000060'), the name of a restore point (SELECT
# pg_create_restore_point('…')), or "latest". Run it as the account that will run the server, which replays the WAL when
# it starts, refuses to if the archive ends before TARGET, and then goes on as a server of its own.
set -euo pipefail
umask 077

backup=$1 archive=$2 data=$3 target=$4
case $target in
    latest) kind= ;;
    [0-9]*/*) kind=lsn ;;
    [0-9][0-9][0-9][0-9]-*) kind=time ;;
    *) kind=name ;;
esac
[ ! -e "$data" ] || { echo "$data exists" >&2; exit 1; }

quoted() { printf "'%s'" "${1//\'/\'\'}"; }

trap 'rm -rf "$data.unfinished"' EXIT
pg_verifybackup --quiet "$backup"
cp -a "$backup" "$data.unfinished"
{
    echo "restore_command = $(quoted "cp \"$archive/%f\" \"%p\"")"
    [ -z "$kind" ] || echo "recovery_target_$kind = $(quoted "$target")"
    echo "recovery_target_action = 'promote'"
} >>"$data.unfinished/postgresql.auto.conf"
touch "$data.unfinished/recovery.signal"
mv "$data.unfinished" "$data"
