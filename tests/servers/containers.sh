#!/bin/bash
# Builds and runs the project's Dockerfile as it stands, without a Docker engine: podman and runc, as root on Debian.
#   containers.sh install               the packages it needs
#   containers.sh base [PREFIX]         stand-in for the official python:3.X-slim-bookworm, made of Debian packages and
#                                       the CPython 3.X under PREFIX (default: that of the python3 on PATH); once
#   containers.sh build CONTEXT TAG     build CONTEXT/Dockerfile
#   containers.sh run ARGS...           podman run, with the limits that work in nested containers
#   containers.sh podman ARGS...        any other podman command on the same store
# The store is $CONTAINERS_DIR (default /var/tmp/smartticket-containers). The stand-in carries this machine's own
# certificates and pip settings: it is for tests, never for publishing.
set -euo pipefail
STORE=${CONTAINERS_DIR:-/var/tmp/smartticket-containers}
PACKAGES="podman buildah runc mmdebstrap ca-certificates"
LIBRARIES=ca-certificates,libsqlite3-0,libreadline8,libexpat1,libuuid1,libffi8,libncursesw6
IN_TREE="env -i PATH=/usr/local/bin:/usr/bin:/bin"

# crun needs cgroups this machine may not have; the store cannot be reopened under another storage driver.
pm() {
  podman --root "$STORE/root" --runroot "$STORE/run" --tmpdir "$STORE/tmp" --storage-driver overlay \
    --cgroup-manager cgroupfs --runtime runc "$@"
}

install() {
  local there
  # shellcheck disable=SC2086
  there=$(dpkg-query -W -f='${db:Status-Status}\n' $PACKAGES 2>/dev/null | grep -cx installed || true)
  [ "$there" != "$(wc -w <<<"$PACKAGES")" ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends $PACKAGES
}

bookworm() { # the Debian tree as an archive, made once
  [ ! -s "$STORE/bookworm.tar" ] || return 0
  local work
  work=$(mktemp -d /dev/shm/bookworm.XXXX)
  chmod 755 "$work"
  TMPDIR=$work mmdebstrap --quiet --format=tar --variant=minbase --include="$LIBRARIES" \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$STORE/bookworm.tar.part"
  mv "$STORE/bookworm.tar.part" "$STORE/bookworm.tar"
  rm -rf "$work"
}

add_python() { # TREE PREFIX VERSION
  tar -C "$2" --exclude='*/test' --exclude='*.a' --exclude=__pycache__ --exclude='site-packages/*' \
    -c bin lib include | tar -C "$1/usr/local" -x
  ln -sf "python$3" "$1/usr/local/bin/python"
  ln -sf "python$3" "$1/usr/local/bin/python3"
  echo /usr/local/lib >"$1/etc/ld.so.conf.d/00-local.conf"
  chroot "$1" ldconfig
  chroot "$1" $IN_TREE python -m ensurepip >/dev/null 2>&1
  ln -sf pip3 "$1/usr/local/bin/pip"
  chroot "$1" $IN_TREE python -c 'import ssl, sqlite3, zlib, lzma, bz2, ctypes, venv, uuid'
}

trust_as_here() { # TREE: pip inside must reach the package index as this machine does
  cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$1/etc/pip.conf"
}

base() {
  local prefix version image tree
  prefix=${1:-$(python3 -c 'import sys; print(sys.base_prefix)')}
  version=$("$prefix/bin/python3" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  image=localhost/python:$version-slim-bookworm
  ! pm image exists "$image" || return 0
  bookworm
  tree=$(mktemp -d "$STORE/tree.XXXX")
  tar -C "$tree" -xf "$STORE/bookworm.tar"
  trust_as_here "$tree"
  add_python "$tree" "$prefix" "$version"
  tar -C "$tree" -c . | pm import -q -c 'CMD ["python3"]' \
    -c 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' - "$image"
  rm -rf "$tree"
}

build() {
  local context=$1 tag=$2
  shift 2
  pm build --pull=never --isolation=chroot --network=host --format docker -t "$tag" "$@" "$context"
}

verb=${1:?usage: see the head of this file}
shift
mkdir -p "$STORE"
case $verb in
install | base | build) "$verb" "$@" ;;
run) pm run --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 "$@" ;;
podman) pm "$@" ;;
*) echo "containers.sh: no verb $verb" >&2; exit 2 ;;
esac
