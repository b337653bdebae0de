"""Settings, positions, cursors, keywords, seals and part choices of the imap connector: no server needed."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.response_parser import parse_fetch_response
from pydantic import ValidationError

from smartticket_connectors.imap.auth import secret_for
from smartticket_connectors.imap.position import Mark, Position
from smartticket_connectors.imap.seal import Seal, sealed
from smartticket_connectors.imap.session import Session
from smartticket_connectors.imap.settings import ImapSettings
from smartticket_connectors.imap.structure import leaves, wanted
from smartticket_connectors.imap.tags import Keeper, keyword
from smartticket_connectors.imap.threads import referred
from smartticket_connectors.mail.headers import Headers
from smartticket_daemon.domain import Key
from smartticket_daemon.errors import ConfigurationError, TransientError


def settings(**changes: Any) -> ImapSettings:
    base = {"host": "mail.example.org", "username": "support@example.org", "password_file": "/run/secrets/x"}
    return ImapSettings.model_validate({**base, **changes})


def test_defaults() -> None:
    plain = settings()
    assert (plain.port, plain.tls, plain.folder, plain.own_addresses) == (
        993,
        "implicit",
        "INBOX",
        ("support@example.org",),
    )
    assert settings(tls="starttls").port == 143
    assert settings(username="support").own_addresses == ()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tls": "none"}, "clear"),
        ({"tls": "none", "host": "127.0.0.1.example.org"}, "clear"),
        ({"password_file": None}, "password_file"),
        ({"auth": "xoauth2"}, "oauth_token"),
        ({"auth": "oauthbearer", "oauth_token_file": "x", "oauth_token_command": ["y"]}, "oauth_token"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        settings(**changes)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_no_encryption_is_for_this_machine_only(host: str) -> None:
    assert settings(host=host, tls="none").tls == "none"


def token_settings(*command: str) -> ImapSettings:
    return settings(auth="xoauth2", password_file=None, oauth_token_command=[sys.executable, "-c", *command])


def test_a_token_command_runs_without_a_shell() -> None:
    assert secret_for(token_settings("import sys; print(sys.argv[1])", "$HOME;id")) == "$HOME;id"


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import sys; sys.exit('secret words')", TransientError),
        ("print()", ConfigurationError),
        ("print('two words')", ConfigurationError),
    ],
)
def test_a_token_command_that_fails_shows_nothing_it_said(program: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        secret_for(token_settings(program))
    assert "words" not in str(caught.value)


def test_a_token_command_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="cannot be run"):
        secret_for(settings(auth="xoauth2", password_file=None, oauth_token_command=["/no/such/program"]))


def test_a_ca_file_without_a_certificate_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    (tmp_path / "secret").write_text("x")
    session = Session(settings(ca_file=tmp_path / "ca.pem", password_file=tmp_path / "secret"))
    with pytest.raises(ConfigurationError, match="ca_file"):
        session.call("noop")


@given(st.text(min_size=1), st.integers(0, 2**32), st.integers(0, 2**32))
def test_positions_survive_being_text(folder: str, validity: int, uid: int) -> None:
    position = Position(folder, validity, uid)
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize("text", ["", "INBOX", "INBOX;1", ";1;2", "INBOX;x;1", "INBOX;1;²", "INBOX;-1;2"])
def test_other_text_is_no_position(text: str) -> None:
    assert Position.parse(text) is None


@given(st.text(min_size=1), st.integers(0, 2**32), st.integers(0, 2**32), st.booleans())
def test_cursors_survive_being_text(folder: str, validity: int, uid: int, since: bool) -> None:
    mark = Mark(folder, validity, uid, datetime(2026, 11, 1, tzinfo=UTC) if since else None, uid % 3)
    assert Mark.parse(mark.cursor()) == mark


@given(st.text(), st.text())
def test_keywords_are_safe_and_as_different_as_their_tags(one: str, other: str) -> None:
    assert keyword(one).isascii()
    assert 1 <= len(keyword(one)) <= 50
    assert set(keyword(one)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-")
    assert (keyword(one) == keyword(other)) == (one == other)


def test_a_usual_tag_is_its_own_keyword() -> None:
    assert keyword("category__billing") == "category__billing"


def test_tags_that_a_server_cannot_tell_apart_are_refused() -> None:
    keeper = Keeper("box", Session(settings()))
    keeper.learn(["category__billing", "vip"])
    keeper.learn(["category__billing"])
    with pytest.raises(ConfigurationError, match="VIP"):
        keeper.learn(["VIP"])


def test_a_seal_tells_us_everything_and_others_nothing() -> None:
    key = Key("a" * 32)
    raw = sealed(b"Subject: Re: x\r\n\r\nbody\r\n", key, ["category__billing"], "Billing")
    seal = Seal.of(raw, key)
    assert seal.tag("category__billing")
    assert seal.route("Billing")
    assert seal.unbroken(raw)
    assert not seal.tag("category__other")
    assert not seal.route("Other")
    assert not seal.unbroken(raw + b"more")
    assert not Seal.of(raw, Key("b" * 32)).tag("category__billing")
    assert b"illing" not in raw
    assert Headers(raw).get("subject") == "Re: x"


def structure(text: bytes) -> Any:
    return parse_fetch_response([b"1 (UID 1 BODYSTRUCTURE " + text + b")"])[1][b"BODYSTRUCTURE"]


MIXED = (
    b'((("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 20 1)'
    b'("TEXT" "HTML" ("CHARSET" "utf-8") NIL NIL "BASE64" 90 2) "ALTERNATIVE" ("BOUNDARY" "b"))'
    b'("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 5000000 NIL ("ATTACHMENT" ("FILENAME" "b.pdf")))'
    b'("TEXT" "PLAIN" ("NAME" "log.txt") NIL NIL "7BIT" 70 2 NIL ("attachment" NIL) NIL)'
    b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 300 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL)'
    b' ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1) 9) "MIXED" ("BOUNDARY" "a") NIL NIL)'
)


def test_only_parts_that_hold_text_are_asked_for() -> None:
    found = leaves(structure(MIXED))
    assert [leaf.number for leaf in found] == ["1.1", "1.2", "2", "3", "4"]
    assert [leaf.number for leaf in wanted(found)] == ["1.1", "1.2", "4"]
    assert [leaf.filename for leaf in found] == ["", "", "b.pdf", "log.txt", ""]
    assert found[0].section == "BODY.PEEK[1.1]<0.262144>"
    assert found[0].charset == "utf-8"
    assert found[1].part(b"eA==").encoding == "base64"


@pytest.mark.parametrize(
    "text", [b"NIL", b"()", b'("TEXT")', b'("TEXT" "PLAIN" NIL NIL NIL NIL NIL)', b'((("A")))']
)
def test_a_structure_that_makes_no_sense_is_said_to_be_so(text: bytes) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        leaves(structure(text))


def test_ids_that_could_break_a_search_are_left_out() -> None:
    header = b'In-Reply-To: <a@b.example>\r\nReferences: <x"y@z> <c@d.example> <e\\f@g> <\xc3\xa4@h>\r\n\r\n'
    assert referred(header) == ["<a@b.example>", "<c@d.example>"]
