#!/bin/bash
# stop.sh DIR: end the server whose process number is in DIR/pid, and wait until it is gone.
set -euo pipefail
pid=$(cat "$1/pid" 2>/dev/null || true)
[ -n "$pid" ] || exit 0
kill "$pid" 2>/dev/null || true
# a dead process that nobody has waited for still has a number
lives() { ps -o stat= -p "$pid" | grep -qv '^Z'; }
for _ in $(seq 50); do lives || break; sleep 0.1; done
rm -f "$1/pid"
