#!/bin/bash
# A second, unrelated IMAP server: Cyrus on loopback, beside an installed Dovecot.
#   cyrus.sh start DIR [USER ...]    users with the password "secret"; writes and prints DIR/env
#   cyrus.sh adduser DIR USER        no restart needed
#   cyrus.sh crash|restart|stop DIR
# Packages: install.sh, which unpacks imapd into $SMARTTICKET_SERVERS/cyrus
set -euo pipefail
cmd=${1:?usage: see the head of this file}
dir=${2:?which folder}
shift 2
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
HERE=$(cd "$(dirname "$0")" && pwd)
BIN=${SMARTTICKET_SERVERS:-/var/tmp/smartticket-servers}/cyrus/usr/lib/cyrus/bin
as=()
[ "$(id -un)" = cyrus ] || as=(setpriv --reuid cyrus --regid mail --init-groups)

launch() {
  # in a group of its own: master ends its whole process group, which would be other servers' as well
  setsid "${as[@]}" /usr/lib/cyrus/bin/master -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/conf/master.pid" \
    >"$dir/log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  python3 "$HERE/ports.py" wait "$IMAP_PORT" || { tail -5 "$dir/log" >&2; exit 1; }
}

adduser() { printf secret | saslpasswd2 -p -c -f "$dir/sasldb2" -u localhost "$1"; }

configure() {
  cat >"$dir/imapd.conf" <<CONF
cyrus_user: cyrus
cyrus_group: mail
servername: localhost
configdirectory: $dir/conf
partition-default: $dir/spool
defaultpartition: default
proc_path: $dir/conf/proc
mboxname_lockpath: $dir/conf/lock
idlesocket: $dir/conf/socket/idle
lmtpsocket: $dir/conf/socket/lmtp
notifysocket: $dir/conf/socket/notify
admins: admin
allowplaintext: yes
failedloginpause: 0
skiplist_unsafe: 1
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $dir/sasldb2
tls_server_cert: $dir/cert.pem
tls_server_key: $dir/key.pem
duplicatesuppression: no
autocreate_quota: 0
autocreate_post: yes
autocreate_inbox_folders: Drafts | Sent
autocreate_subscribe_folders: Drafts | Sent
xlist-drafts: Drafts
xlist-sent: Sent
altnamespace: yes
unixhierarchysep: yes
imapidlepoll: 5
CONF
  # every command needs -C, or it reads the system's own configuration
  cat >"$dir/cyrus.conf" <<CONF
START {
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -C $dir/imapd.conf -r"
  idled cmd="$BIN/idled -C $dir/imapd.conf"
}
SERVICES {
  imap cmd="$BIN/imapd -C $dir/imapd.conf" listen="127.0.0.1:$IMAP_PORT" prefork=1
  imaps cmd="$BIN/imapd -s -C $dir/imapd.conf" listen="127.0.0.1:$IMAPS_PORT" prefork=0
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd -a -C $dir/imapd.conf" listen="127.0.0.1:$LMTP_PORT" prefork=0
}
EVENTS {
}
CONF
}

case $cmd in
start)
  mkdir -p "$dir/conf/socket" "$dir/conf/proc" "$dir/conf/lock" "$dir/spool"
  read -r IMAP_PORT IMAPS_PORT LMTP_PORT <<<"$(python3 "$HERE/ports.py" free 3)"
  "$HERE/certificate.sh" "$dir"
  configure
  for user in admin "$@"; do adduser "$user"; done
  printf 'IMAP_PORT=%s\nIMAPS_PORT=%s\nLMTP_PORT=%s\nIMAP_CA=%s\n' \
    "$IMAP_PORT" "$IMAPS_PORT" "$LMTP_PORT" "$dir/cert.pem" >"$dir/env"
  [ "$(id -u)" != 0 ] || chown -R cyrus:mail "$dir/conf" "$dir/spool" "$dir/sasldb2" "$dir/key.pem"
  launch
  cat "$dir/env" ;;
adduser) adduser "$1" ;;
crash)
  pid=$(cat "$dir/pid")
  kill -KILL "$pid" $(ps -o pid= --ppid "$pid" || true) 2>/dev/null || true
  rm -f "$dir/pid" ;;
restart) . "$dir/env"; launch ;;
stop) "$HERE/stop.sh" "$dir" ;;
*) echo "unknown: $cmd" >&2; exit 2 ;;
esac
