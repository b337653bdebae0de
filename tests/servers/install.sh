#!/bin/bash
# Installs Dovecot and Cyrus IMAP for the server tests. Debian, as root; quiet, and does nothing when both are there.
#   install.sh [CACHE]      CACHE (default below) receives the unpacked Cyrus programs
# Debian declares cyrus-imapd in conflict with dovecot-imapd: apt would remove the one to install the other.
# So only cyrus-common is installed, and the conflicting package is unpacked beside it without installing it.
set -euo pipefail
CACHE=${1:-${SMARTTICKET_SERVERS:-/var/tmp/smartticket-servers}}
IMAPD=$CACHE/cyrus/usr/lib/cyrus/bin/imapd
NEEDED="dovecot-imapd dovecot-lmtpd cyrus-common sasl2-bin libsasl2-modules libsasl2-modules-db openssl"

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}\n' $NEEDED 2>/dev/null | grep -cx installed)" = "$(wc -w <<<"$NEEDED")" ]; }

if installed && [ -x "$IMAPD" ]; then exit 0; fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "the server tests need Debian and root to install Dovecot and Cyrus" >&2; exit 1
fi
mkdir -p "$CACHE"; chmod 755 "$CACHE"
exec 9>"$CACHE/lock"; flock 9
export DEBIAN_FRONTEND=noninteractive
log=$CACHE/install.log
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then # the packages must not start servers of their own
  printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; trap 'rm -f "$policy"' EXIT
fi
{
  if ! installed; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $NEEDED
  fi
  if [ ! -x "$IMAPD" ]; then
    [ -n "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null)" ] || apt-get update -qq
    work=$(mktemp -d)
    (cd "$work" && apt-get download -qq cyrus-imapd && dpkg -x cyrus-imapd_*.deb tree)
    rm -rf "$CACHE/cyrus"; mv "$work/tree" "$CACHE/cyrus"; chmod 755 "$CACHE/cyrus"; rm -rf "$work"
  fi
} >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }
