"""bearer.py SECRET_FILE USER SECONDS: print a signed token (HS256 JWT) that the test Dovecot accepts."""

import base64
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path


def token(secret: bytes, user: str, seconds: int) -> str:
    """Valid from now on for so many seconds; negative: expired."""
    now = int(time.time())
    claims = {"sub": user, "iss": "smartticket-test", "iat": now - 5, "nbf": now - 5, "exp": now + seconds}
    head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = _encoded(json.dumps(claims).encode())
    return b".".join((head, body, _encoded(hmac.digest(secret, head + b"." + body, hashlib.sha256)))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


if __name__ == "__main__":
    print(token(Path(sys.argv[1]).read_bytes(), sys.argv[2], int(sys.argv[3])))
