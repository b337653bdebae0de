#!/bin/bash
# A real Dovecot on loopback with its own configuration, run as an unprivileged user.
# Every user exists, with the password "secret" (a file of users is read again once a second at most).
#   dovecot.sh start DIR [IMAP IMAPS LMTP]   on free (or given) ports; writes and prints DIR/env
#   dovecot.sh drop DIR USER                 put the message on standard input into Maildir/new
#   dovecot.sh kick DIR USER                 cut this user's live connections
#   dovecot.sh crash DIR                     SIGKILL the server; all sessions die in the middle of what they do
#   dovecot.sh restart DIR                   start again on the same ports with the same mail
#   dovecot.sh uidreset DIR USER [MAILBOX]   give a mailbox a new UIDVALIDITY
#   dovecot.sh token DIR USER [SECONDS]      signed bearer token for XOAUTH2 and OAUTHBEARER
#   dovecot.sh stop DIR
# Packages: install.sh
set -euo pipefail
cmd=${1:?usage: see the head of this file}
dir=${2:?which folder}
shift 2
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
USR=${DOVECOT_USER:-$([ "$(id -u)" = 0 ] && echo nobody || id -un)}
GRP=$(id -gn "$USR")
as=()
[ "$(id -un)" = "$USR" ] || as=(setpriv --reuid "$USR" --regid "$GRP" --clear-groups env HOME=/nonexistent)

launch() {
  setsid "${as[@]}" /usr/sbin/dovecot -F -c "$dir/dovecot.conf" >"$dir/stdout.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  python3 "$HERE/ports.py" wait "$IMAP_PORT" || { tail -5 "$dir/dovecot.log" >&2; exit 1; }
}

configure() {
  cat >"$dir/oauth2.conf.ext" <<CONF
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=$dir/keys/
username_attribute = sub
issuers = smartticket-test
CONF
  cat >"$dir/dovecot.conf" <<CONF
base_dir = $dir/run
state_dir = $dir/run
log_path = $dir/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <$dir/cert.pem
ssl_key = <$dir/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login xoauth2 oauthbearer
default_internal_user = $USR
default_internal_group = $GRP
default_login_user = $USR
mail_max_userip_connections = 200
mail_location = maildir:~/Maildir
mail_fsync = never
service imap-login {
  chroot =
  inet_listener imap {
    port = $IMAP_PORT
  }
  inet_listener imaps {
    port = $IMAPS_PORT
    ssl = yes
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $LMTP_PORT
  }
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = $dir/oauth2.conf.ext
}
passdb {
  driver = static
  mechanisms = plain login
  args = password=secret
}
userdb {
  driver = static
  args = uid=$USR gid=$GRP home=$dir/mail/%u allow_all_users=yes
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Drafts {
    auto = subscribe
    special_use = \Drafts
  }
  mailbox Sent {
    auto = subscribe
    special_use = \Sent
  }
}
protocol imap {
  imap_idle_notify_interval = 10 s
}
CONF
}

case $cmd in
start)
  mkdir -p "$dir/mail" "$dir/run" "$dir/keys/default/HS256"
  if [ $# -ge 3 ]; then IMAP_PORT=$1 IMAPS_PORT=$2 LMTP_PORT=$3
  else read -r IMAP_PORT IMAPS_PORT LMTP_PORT <<<"$(python3 "$HERE/ports.py" free 3)"; fi
  "$HERE/certificate.sh" "$dir"
  [ -s "$dir/keys/secret" ] || openssl rand -hex 32 | tr -d '\n' >"$dir/keys/secret"
  base64 -w0 <"$dir/keys/secret" >"$dir/keys/default/HS256/default"
  configure
  printf 'IMAP_PORT=%s\nIMAPS_PORT=%s\nLMTP_PORT=%s\nIMAP_CA=%s\nMAIL_ROOT=%s\n' \
    "$IMAP_PORT" "$IMAPS_PORT" "$LMTP_PORT" "$dir/cert.pem" "$dir/mail" >"$dir/env"
  [ "$(id -u)" != 0 ] || chown -R "$USR:$GRP" "$dir"
  launch
  cat "$dir/env" ;;
drop)
  box="$dir/mail/$1/Maildir"
  "${as[@]}" mkdir -p "$box/tmp" "$box/new" "$box/cur"
  name="$(date +%s).M$(date +%N)P$$.drop"
  "${as[@]}" tee "$box/tmp/$name" >/dev/null
  "${as[@]}" mv "$box/tmp/$name" "$box/new/$name" ;;
kick) "${as[@]}" doveadm -c "$dir/dovecot.conf" kick "$1" >/dev/null ;;
crash)
  pid=$(cat "$dir/pid")
  kill -KILL "$pid" $(ps -o pid= --ppid "$pid" || true) 2>/dev/null || true
  rm -f "$dir/pid" "$dir/run/master.pid" ;;
restart) . "$dir/env"; launch ;;
uidreset)
  box="$dir/mail/$1/Maildir"
  sub=$box; [ "${2:-INBOX}" = INBOX ] || sub="$box/.$2"
  "${as[@]}" doveadm -c "$dir/dovecot.conf" kick "$1" >/dev/null 2>&1 || true
  sleep 1.1 # the new UIDVALIDITY is the time in seconds
  rm -f "$sub"/dovecot-uidlist "$sub"/dovecot.index* "$box"/dovecot-uidvalidity* "$box"/dovecot.list.index* ;;
token) python3 "$HERE/bearer.py" "$dir/keys/secret" "$1" "${2:-3600}" ;;
stop) "$HERE/stop.sh" "$dir" ;;
*) echo "unknown: $cmd" >&2; exit 2 ;;
esac
