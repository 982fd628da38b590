#!/usr/bin/env bash
# Restart the instances on this machine one after the other, so that nginx always has some to ask:
#
#   deploy/rolling-restart.sh [PORT...]      8001 8002 8003 unless told
#
# It begins only when all are ready, waits for each to be ready again, and ends with status 1 at one that does not come
# back: the others then still run what they ran. RESTART is a program that restarts the instance at the port it is
# given and returns when the old one has ended; `systemctl restart ofektom@PORT` unless set.
set -euo pipefail

# A start takes seconds. A stop takes up to conf/gunicorn.py's graceful_timeout, and is not counted here.
patience=${PATIENCE_SECONDS:-60}
# nginx leaves an instance alone for fail_timeout (2 s, conf/nginx.conf) after it was away. With the next one away too
# it would have one fewer to ask than there are.
settle=${SETTLE_SECONDS:-3}

ready() {
    curl --silent --fail --output /dev/null --max-time 3 "http://127.0.0.1:$1/readyz"
}

restart() {
    if [ -n "${RESTART:-}" ]; then "$RESTART" "$1"; else systemctl restart "ofektom@$1"; fi
}

[ $# -gt 0 ] || set -- 8001 8002 8003
for port in "$@"; do
    ready "$port" || { echo "port $port is not ready; nothing was restarted" >&2; exit 1; }
done
for port in "$@"; do
    restart "$port"
    ends=$((SECONDS + patience))
    until ready "$port"; do
        [ $SECONDS -lt $ends ] || { echo "port $port is not ready after $patience s; the rest was left alone" >&2; exit 1; }
        sleep 0.2
    done
    echo "port $port is ready again"
    sleep "$settle"
done
