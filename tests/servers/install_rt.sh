#!/bin/bash
# Installs Request Tracker 5 for the server tests. Debian, as root; quiet, and does nothing when it is there.
# The package's own database and web server are not set up: rt.sh makes both in a folder of its own.
set -euo pipefail
CACHE=${SMARTTICKET_SERVERS:-/var/tmp/smartticket-servers}
NEEDED="request-tracker5 rt5-db-sqlite rt5-standalone rt5-clients"

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}\n' $NEEDED 2>/dev/null | grep -cx installed)" = "$(wc -w <<<"$NEEDED")" ]; }

if installed; then exit 0; fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "the server tests need Debian and root to install Request Tracker" >&2; exit 1
fi
mkdir -p "$CACHE"; chmod 755 "$CACHE"
exec 9>"$CACHE/lock"; flock 9
if installed; then exit 0; fi
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # the packages must not start servers of their own
  printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; trap 'rm -f "$policy"' EXIT
fi
{
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $NEEDED
} >"$CACHE/install_rt.log" 2>&1 || { tail -20 "$CACHE/install_rt.log" >&2; exit 1; }
