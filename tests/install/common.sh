# shellcheck shell=bash
# Shared by run.sh, unit.sh and container.sh, which source it: folders, servers, the summary.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SYSTEMD=$ROOT/tests/servers/systemd.sh
CONTAINERS=$ROOT/tests/servers/containers.sh
DOVECOT=$ROOT/tests/servers/dovecot.sh
MOST_EXPOSURE=1.5
PASSWORD=secret # the one that dovecot.sh gives every user

say() { printf '%s\n' "-- $*"; }
fail() { printf '%s\n' "FAILED: $*" >&2; exit 1; }
figure() { printf '%-34s %s\n' "$1" "$2" | tee -a "$WORK/summary"; }
measure() { # WHAT COMMAND...: the command's output is the figure, its failure ours
  local what=$1 value
  shift
  value=$("$@")
  figure "$what" "$value"
}

# Runs a command until it succeeds: until_true SECONDS WHAT COMMAND...
until_true() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "$what"
    sleep 0.2
  done
}

mailbox() { # USER VERB NUMBERS...
  local user=$1
  shift
  "$ROOT/.venv/bin/python" "$ROOT/tests/install/mailbox.py" "$IMAPS_PORT" "$IMAP_CA" "$user" "$PASSWORD" "$@"
}

settings() { # USER: a settings file on standard output, the same for the unit and the container
  cat <<TOML
[daemon]
poll_interval = "2s"

[sources.support]
kind = "imap"
host = "127.0.0.1"
port = $IMAPS_PORT
ca_file = "/etc/smartticket/ca.pem"
username = "$1"
password_file = "support-password"
own_addresses = ["support@example.org"]
start = "all"
TOML
}
