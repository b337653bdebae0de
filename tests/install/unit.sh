# shellcheck shell=bash
# The unit under a real systemd: READY, triage, watchdog, clean stop. Sourced by run.sh.
MACHINE=$WORK/machine
SMARTTICKET=/opt/smartticket/bin/smartticket
SETTINGS=/etc/smartticket/smartticket.toml
ctl() { "$SYSTEMD" ctl "$MACHINE" "$@"; }
shown() { ctl show smartticket --value -p "$1"; }
heard() { "$SYSTEMD" log "$MACHINE" _PID=1 -o cat | grep -c "smartticket.service: Got notification message .*($1" || true; }
milliseconds() { echo $((($(shown ActiveEnterTimestampMonotonic) - $(shown ExecMainStartTimestampMonotonic)) / 1000)); }
restarted() { [ "$(shown NRestarts)" = 1 ] && [ "$(shown ActiveState)" = active ]; }
restart() { ctl reset-failed smartticket && ctl restart smartticket; } # many starts in a row count as a fault

lay_out() { # what an operator puts on the machine, as docs/install.md says
  local files=$WORK/files
  mkdir -p "$files"/{etc/systemd/system,etc/smartticket,etc/credstore,srv/smartticket}
  cp "$ROOT/systemd/smartticket.service" "$files/etc/systemd/system/"
  cp "$ROOT/requirements/runtime.lock" "$files/srv/smartticket/"
  "$ROOT/.venv/bin/python" -m build --wheel --no-isolation --outdir "$files/srv/smartticket" "$ROOT" >"$WORK/wheel.log" 2>&1
  { echo text,label; for n in $(seq 40); do printf 'invoice charge %s,bill\nparcel courier %s,ship\n' "$n" "$n"; done; } \
    >"$files/srv/smartticket/tickets.csv"
  settings unit >"$files/etc/smartticket/smartticket.toml"
  cp "$IMAP_CA" "$files/etc/smartticket/ca.pem"
  (umask 077 && echo "$PASSWORD" >"$files/etc/credstore/smartticket.support-password")
  chmod 700 "$files/etc/credstore"
}

install_inside() {
  "$SYSTEMD" sh "$MACHINE" bash -euc '
    /usr/bin/python3 -m venv /opt/smartticket
    pip="/opt/smartticket/bin/pip --quiet --disable-pip-version-check install"
    $pip --require-hashes -r /srv/smartticket/runtime.lock
    $pip --no-deps /srv/smartticket/*.whl
    $pip "$(echo /srv/smartticket/*.whl)[training]"' >"$WORK/pip.log" 2>&1
}

exposure() {
  local score
  score=$(systemd-analyze security --offline=true "$ROOT/systemd/smartticket.service" | grep -o 'smartticket.service: [0-9.]*')
  score=${score##* }
  awk "BEGIN { exit !($score <= $MOST_EXPOSURE) }" || fail "exposure score $score is over $MOST_EXPOSURE"
  figure "exposure score" "$score (at most $MOST_EXPOSURE)"
}

start_unit() {
  ctl -q add-wants bare.target smartticket # as `enable` does; what nothing wants is forgotten when it stops
  ctl start smartticket || fail "the unit did not start"
  local times
  times=$(for _ in 1 2 3 4 5; do restart && milliseconds; done | sort -n | tr '\n' ' ')
  figure "start to READY, five times" "${times}ms, load average $(cut -d' ' -f1 /proc/loadavg) on $(nproc) cores"
  ctl log-level debug # from here on systemd says what it hears
  restart
  [ "$(heard READY=1)" = 1 ] || fail "systemd heard no READY=1"
  figure "unit" "READY=1, status: $(shown StatusText)"
}

ledger() { # MAILS: what the operator sees, asked as root beside the running service
  "$SYSTEMD" sh "$MACHINE" $SMARTTICKET status --config $SETTINGS --json >"$WORK/status.json" || fail "status is red"
  "$ROOT/.venv/bin/python" - "$WORK/status.json" "$1" <<'PY'
import json, sys

counts = json.load(open(sys.argv[1]))["sources"]["support"]
words = ("applied", "observed", "abstained", "skipped", "quarantined", "pending")
assert counts["seen"] == int(sys.argv[2]) == sum(counts[word] for word in words), counts
assert counts["pending"] == counts["quarantined"] == 0, counts
print("seen", counts["seen"], "=", " + ".join(f"{word} {counts[word]}" for word in words))
PY
}

idle_memory() {
  "$SYSTEMD" sh "$MACHINE" awk '/^VmRSS/ { printf "%.1f MB\n", $2 / 1024 }' "/proc/$(shown MainPID)/status"
}

freeze_and_recover() {
  "$SYSTEMD" sh "$MACHINE" bash -euc 'd=/etc/systemd/system/smartticket.service.d; mkdir -p $d
    printf "[Service]\nWatchdogSec=3\nRestartSec=1\n" >$d/short.conf'
  ctl daemon-reload
  restart
  "$SYSTEMD" sh "$MACHINE" kill -STOP "$(shown MainPID)"
  mailbox unit fill 12 14
  until_true 60 "the watchdog did not restart the frozen daemon" restarted
  "$SYSTEMD" log "$MACHINE" -u smartticket -o cat | grep "Watchdog timeout" >/dev/null || fail "no watchdog time-out in the journal"
  figure "frozen, then by the watchdog" "NRestarts=$(shown NRestarts), READY again"
}

stop_unit() {
  ctl stop smartticket
  [ "$(heard STOPPING=1)" -ge 1 ] || fail "systemd heard no STOPPING=1"
  figure "stop" "STOPPING=1, result $(shown Result), exit code $(shown ExecMainStatus)"
  [ "$(shown Result) $(shown ExecMainCode) $(shown ExecMainStatus)" = "success 1 0" ] || fail "not a clean stop"
}

one_off() { # PROGRAM COMMAND...: the line of docs/install.md, as it stands there but for its terminal and command
  local line
  line=$(grep -o '`systemd-run [^`]*`' "$ROOT/docs/install.md" | tr -d '`')
  [[ $line == *" $SMARTTICKET "* ]] || fail "docs/install.md has no systemd-run line"
  line=${line%% "$SMARTTICKET" *}
  # shellcheck disable=SC2086 # words of a command
  "$SYSTEMD" sh "$MACHINE" ${line/--pty/--pipe --quiet} -p CacheDirectory=smartticket "$@" 2>>"$WORK/one-off.log" ||
    fail "$2 in the service's name: exit code $?"
}

one_offs() { # what needs the service's user, state and credentials while it stands still, training included
  local cache=/var/cache/smartticket trained
  one_off $SMARTTICKET backfill support --yes --config $SETTINGS --json | grep '"backfill"' >"$WORK/backfill.json" || fail "backfill says nothing"
  one_off $SMARTTICKET history pull support --out $cache/history.jsonl --config $SETTINGS >/dev/null
  trained=$(one_off $SMARTTICKET train --data /srv/smartticket/tickets.csv --label label --text text \
    --out $cache/model --json | grep -o '"digest": "[0-9a-f]*"' | cut -d'"' -f4)
  "$SYSTEMD" sh "$MACHINE" test -s $cache/history.jsonl.state -a -s $cache/model/MODEL_CARD.md || fail "files of a one-off command are missing"
  figure "one-off commands" "backfill, history pull, train (model ${trained:0:12})"
  restart
  measure "unit, ledger after them" ledger 15
  ctl stop smartticket
}

wrong_settings_wait() {
  "$SYSTEMD" sh "$MACHINE" bash -euc "echo nonsense = 1 >>$SETTINGS"
  ! ctl start smartticket 2>/dev/null || fail "the unit starts with wrong settings"
  figure "wrong settings" "$(shown ActiveState) with exit code $(shown ExecMainStatus), NRestarts=$(shown NRestarts)"
  [ "$(shown ActiveState) $(shown ExecMainStatus) $(shown NRestarts)" = "failed 78 0" ] || fail "it does not wait for a person"
}

say "the unit under a real systemd"
exposure
lay_out
SYSTEMD_TMPFS=2g "$SYSTEMD" boot "$MACHINE" "$WORK/files"
install_inside
mailbox unit fill 0 11
start_unit
measure "unit, mailbox" mailbox unit await 12
measure "idle RSS of the unit" idle_memory
freeze_and_recover
measure "unit, mailbox after recovery" mailbox unit await 15
measure "unit, ledger" ledger 15
stop_unit
mailbox unit await 15 >/dev/null || fail "the mailbox changed at the stop"
one_offs
mailbox unit await 15 >/dev/null || fail "the mailbox changed by a one-off command"
wrong_settings_wait
"$SYSTEMD" stop "$MACHINE"
