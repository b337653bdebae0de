#!/bin/bash
# A real systemd, PID 1 of its own namespaces, on a throw-away overlay of this machine's root. Debian, as root.
#   systemd.sh install            the packages it needs
#   systemd.sh boot DIR [FILES]   boot; FILES is a folder laid over the root first (etc/systemd/system/x.service, ...)
#   systemd.sh ctl DIR ARGS...    systemctl ARGS inside
#   systemd.sh log DIR ARGS...    journalctl ARGS inside
#   systemd.sh sh DIR CMD...      any command inside; the network is this machine's own, loopback servers included
#   systemd.sh stop DIR           power off and throw the overlay away; safe to call twice
set -euo pipefail

install() {
  dpkg-query -W -f='${db:Status-Status}\n' systemd-container 2>/dev/null | grep -qx installed && return
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends systemd-container
}

inside() { nsenter -t "$(cat "$D/leader")" -m -u -i -p -- "$@"; }

mount_overlay() {
  mkdir -p "$D/layers" "$D/root"
  mount -t tmpfs -o size="${SYSTEMD_TMPFS:-1g}",mode=755 tmpfs "$D/layers"
  mkdir "$D/layers/upper" "$D/layers/work"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$D/layers/upper,workdir=$D/layers/work" "$D/root"
}

lay_files() {
  rm -f "$D/root/etc/machine-id"
  tr -d - </proc/sys/kernel/random/uuid >"$D/root/etc/machine-id"
  # A target with the basics alone, so that this machine's own services are not started a second time.
  cat >"$D/root/etc/systemd/system/bare.target" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
  [ $# = 0 ] || cp -a --no-preserve=ownership "$1/." "$D/root/"
}

boot() {
  mount_overlay
  mkdir -p "$D/root/etc/systemd/system"
  lay_files "$@"
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn -q -D "$D/root" --register=no --keep-unit --boot \
    --console=pipe --kill-signal=SIGRTMIN+4 --link-journal=no -- systemd.unit=bare.target \
    >"$D/console" 2>&1 </dev/null &
  echo $! >"$D/pid"
  for _ in $(seq 300); do
    ps -o pid= --ppid "$(cat "$D/pid")" 2>/dev/null | tr -d ' ' | head -1 >"$D/leader" || true
    [ -s "$D/leader" ] && [ "$(inside systemctl is-system-running 2>/dev/null)" = running ] && return
    kill -0 "$(cat "$D/pid")" 2>/dev/null || break
    sleep 0.1
  done
  echo "systemd did not come up:" >&2
  tail -5 "$D/console" >&2
  inside systemctl --failed --no-pager >&2 || true
  return 1
}

stop() {
  local nspawn leader
  nspawn=$(cat "$D/pid" 2>/dev/null || true)
  leader=$(cat "$D/leader" 2>/dev/null || true)
  if [ -n "$nspawn" ] && [ -n "$leader" ]; then
    kill -s RTMIN+4 "$leader" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$leader" 2>/dev/null || true
  fi
  if mountpoint -q "$D/root"; then umount "$D/root"; fi
  if mountpoint -q "$D/layers"; then umount "$D/layers"; fi
  rm -f "$D/pid" "$D/leader"
}

verb=${1:?usage: see the head of this file}
shift
if [ "$verb" != install ]; then
  D=$(mkdir -p "$1" && cd "$1" && pwd)
  shift
fi
case $verb in
install | boot | stop) "$verb" "$@" ;;
ctl) inside systemctl --no-pager "$@" ;;
log) inside journalctl --no-pager "$@" ;;
sh) inside "$@" ;;
*) echo "systemd.sh: no verb $verb" >&2; exit 2 ;;
esac
