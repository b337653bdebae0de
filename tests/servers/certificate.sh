#!/bin/bash
# certificate.sh DIR: a self-signed certificate for localhost in DIR/cert.pem and DIR/key.pem, kept when there.
set -euo pipefail
[ -s "$1/key.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$1/key.pem" -out "$1/cert.pem" 2>/dev/null
