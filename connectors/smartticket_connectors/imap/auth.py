"""Signing in: password, XOAUTH2 (Google, Microsoft) and OAUTHBEARER (RFC 7628)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from imapclient import IMAPClient

from smartticket_connectors.imap.settings import ImapSettings
from smartticket_daemon.errors import ConfigurationError, TransientError
from smartticket_daemon.source_settings import read_secret

COMMAND_LIMIT = 30.0
"""Seconds a token command may take."""
_TOKEN_SIZE = 16_384


def sign_in(client: IMAPClient, settings: ImapSettings, secret: str) -> None:
    """Authenticate an open connection; raises what imapclient raises."""
    user = settings.username
    if settings.auth == "xoauth2":
        client.sasl_login("XOAUTH2", _once(f"user={user}\1auth=Bearer {secret}\1\1"))
    elif settings.auth == "oauthbearer":
        name = user.replace("=", "=3D").replace(",", "=2C")
        client.sasl_login("OAUTHBEARER", _once(f"n,a={name},\1auth=Bearer {secret}\1\1"))
    elif client.has_capability("AUTH=PLAIN"):
        client.sasl_login("PLAIN", _once(f"\0{user}\0{secret}"))
    elif client.has_capability("LOGINDISABLED"):
        raise ConfigurationError(
            f"{settings.host} takes no password on this connection; look at tls and auth"
        )
    elif not (user + secret).isascii():
        raise ConfigurationError(f"{settings.host} takes only plain ASCII user names and passwords")
    else:
        client.login(user, secret)


def _once(answer: str) -> Callable[[bytes], bytes]:
    # a refused token is answered with a challenge that wants an empty reply before the server says no
    answers = iter([answer.encode("utf-8")])
    return lambda _challenge: next(answers, b"")


def secret_for(settings: ImapSettings) -> str:
    """The password, or a token fetched afresh.

    Raises ConfigurationError when the file or program is unusable, TransientError when the program fails.
    """
    if settings.password is not None:
        return settings.password.get_secret_value()
    if settings.auth == "password":
        assert settings.password_file is not None  # noqa: S101 - the settings made sure
        return read_secret(settings.password_file, "password_file")
    if settings.oauth_token_file is not None:
        return _clean(read_secret(settings.oauth_token_file, "oauth_token_file"))
    return _clean(_run(settings.oauth_token_command))


def _run(command: tuple[str, ...]) -> str:
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise TransientError(f"oauth_token_command {name} took longer than {COMMAND_LIMIT:.0f} s") from None
    except OSError as error:
        raise ConfigurationError(f"oauth_token_command {name} cannot be run: {error.strerror}") from None
    if done.returncode:
        raise TransientError(f"oauth_token_command {name} failed with exit code {done.returncode}")
    return done.stdout[:_TOKEN_SIZE].decode("ascii", "replace").strip()


def _clean(token: str) -> str:
    if not token or not token.isascii() or any(c <= " " for c in token):
        raise ConfigurationError("the OAuth token is empty or is not one printable ASCII word")
    return token
