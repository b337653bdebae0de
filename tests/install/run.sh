#!/bin/bash
# Installs SmartTicket for real, twice: as a unit under a real systemd, and as a container image, each beside a real
# Dovecot; then prints every figure. Debian, as root, on a machine where nothing else is changed: `make test-install`.
set -euo pipefail
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "the installation test needs Debian and root" >&2
  exit 1
fi
WORK=$(mktemp -d /tmp/smartticket-install.XXXX)
chmod 755 "$WORK"
. "$(dirname "$0")/common.sh"

last_words() { # what the services and the builds said last
  "$SYSTEMD" log "$WORK/machine" -u smartticket -o cat -n 15 2>/dev/null || true
  "$CONTAINERS" podman logs --tail 15 "$(basename "$WORK")" 2>&1 || true
  tail -n 5 "$WORK"/*.log 2>/dev/null || true
}

clean_up() {
  local code=$?
  trap - EXIT
  [ "$code" = 0 ] || last_words >&2
  "$CONTAINERS" podman rm -f -t 1 -v "$(basename "$WORK")" >/dev/null 2>&1 || true
  "$CONTAINERS" podman image prune -f >/dev/null 2>&1 || true
  "$SYSTEMD" stop "$WORK/machine" || true
  "$DOVECOT" stop "$WORK/dovecot" || true
  rm -rf "$WORK"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say "packages"
"$ROOT/tests/servers/install.sh"
"$SYSTEMD" install >/dev/null
"$CONTAINERS" install >/dev/null
"$CONTAINERS" base >/dev/null

say "a real Dovecot"
"$DOVECOT" start "$WORK/dovecot" >/dev/null
. "$WORK/dovecot/env"

. "$ROOT/tests/install/unit.sh"
. "$ROOT/tests/install/container.sh"

echo
echo "summary"
cat "$WORK/summary"
