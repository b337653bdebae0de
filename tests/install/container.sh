# shellcheck shell=bash
# The image as it stands, read-only, beside the real Dovecot on the same network: triage, health, stop. Sourced by run.sh.
IMAGE=smartticket:install-test
NAME=$(basename "$WORK")
BOUNDS="--net=host --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop=all --security-opt no-new-privileges -m 1g"

pod() { "$CONTAINERS" podman "$@" 2>>"$WORK/podman.log"; }
inside_image() { "$CONTAINERS" run --rm --net=none --entrypoint "$@" 2>>"$WORK/podman.log"; }
megabytes() { echo $(($(pod image inspect -f '{{.Size}}' "$1") / 1000000)); }
healthy() { pod healthcheck run "$NAME" >/dev/null; }
unhealthy() { ! healthy; }

lay_out_container() {
  mkdir -p "$WORK"/container/{settings,secrets}
  settings container >"$WORK/container/settings/smartticket.toml"
  cp "$IMAP_CA" "$WORK/container/settings/ca.pem"
  echo "$PASSWORD" >"$WORK/container/secrets/support-password"
  chown -R 10001 "$WORK/container/secrets"
  chmod 400 "$WORK/container/secrets/support-password"
}

build_image() {
  "$CONTAINERS" build "$ROOT" "$IMAGE" >"$WORK/build.log" 2>&1 || fail "the image does not build"
  local base=python:3.11-slim-bookworm
  figure "image size" "$(megabytes "$IMAGE") MB, $(($(megabytes "$IMAGE") - $(megabytes "$base"))) MB of them over its base"
  ! inside_image python "$IMAGE" -m pip || fail "pip is still in the image"
}

start_container() {
  # shellcheck disable=SC2086
  "$CONTAINERS" run -d --name "$NAME" $BOUNDS -v "$WORK/container/settings:/etc/smartticket:ro" \
    -v "$WORK/container/secrets:/run/secrets:ro" "$IMAGE" >/dev/null 2>>"$WORK/podman.log"
}

bounded() {
  [ "$(pod exec "$NAME" id -u)" = 10001 ] || fail "the container runs as another user"
  ! pod exec "$NAME" touch /opt/smartticket/x || fail "the root file system can be written"
  figure "container" "uid 10001, read-only root, no capabilities"
}

health_follows_dovecot() {
  healthy || fail "the health check is red on a working mailbox"
  "$DOVECOT" stop "$WORK/dovecot"
  until_true 90 "the health check stays green without a mail server" unhealthy
  "$DOVECOT" restart "$WORK/dovecot" >/dev/null
  until_true 90 "the health check stays red with the mail server back" healthy
  figure "health check" "green, red without Dovecot, green again"
}

stop_container() {
  pod stop -t 90 "$NAME" >/dev/null
  local code
  code=$(pod inspect -f '{{.State.ExitCode}}' "$NAME")
  figure "container stop" "exit code $code"
  [ "$code" = 0 ] || fail "not a clean stop"
}

say "the container image"
build_image
lay_out_container
mailbox container fill 0 11
start_container
measure "container, mailbox" mailbox container await 12
bounded
health_follows_dovecot
mailbox container fill 12 14
measure "container, mailbox at the end" mailbox container await 15
stop_container
pod rm -v "$NAME" >/dev/null
