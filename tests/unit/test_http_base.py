"""No spelling of a URL, a redirect or a link leads to another host."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smartticket_daemon.errors import ConfigurationError
from smartticket_daemon.http import Base, HelpdeskSettings

GOOD = {
    "https://acme.example.com": ("https", "acme.example.com", 443, ""),
    "https://ACME.example.com/": ("https", "acme.example.com", 443, ""),
    "HTTPS://acme.example.com:8443/rt/": ("https", "acme.example.com", 8443, "/rt"),
    "https://acme": ("https", "acme", 443, ""),
    "https://192.0.2.7/desk": ("https", "192.0.2.7", 443, "/desk"),
    "https://[2001:db8::1]:444": ("https", "2001:db8::1", 444, ""),
    "http://localhost:8080": ("http", "localhost", 8080, ""),
    "http://127.0.0.1:8080/a/b": ("http", "127.0.0.1", 8080, "/a/b"),
    "http://127.3.2.1": ("http", "127.3.2.1", 80, ""),
    "http://[::1]:81": ("http", "::1", 81, ""),
}
HOSTS = [
    "evil.example@acme.example.com", "a:b@acme.example.com", "@acme.example.com", "acme.example.com@",
    "acme.example.com:0", "acme.example.com:", "acme.example.com:99999", "acme.example.com:x", "acme..com",
    ".acme.example.com", "acme.example.com.", "-acme.example.com", "acme-.example.com", "acme_x.example.com",
    "acme.example.com%2eevil.example", "acme%00.example.com", "ac me.example.com", "äcme.example.com",
    "acme.example.com\\evil.example", "acme.example.com\\@evil.example", "acme.example.com#@evil.example",
    "acme.example.com?@evil.example", "acme.example.com\t", "acme.example.com\n", "acme.example.com\r\nX: y",
    "acme.example.com\x00", "acme.example。com", "ａcme.example.com", "[::1", "::1]", "[::1]evil", "[::g]",
    "[fe80::1%25eth0]", "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.01",
    "999.1.1.1", "1.2.3", "1.2.3.4.5", "[127.0.0.1]", "", " ", "*", "*.example.com", "a" * 64 + ".com",
    "acme.example.com,evil.example", "acme.example.com;evil.example", "acme.example.com|x", "{acme}.example",
]  # fmt: skip
PATHS = [
    "/a/../b",
    "/..",
    "/./a",
    "//evil.example",
    "/a//b",
    "/a?x=1",
    "/a#b",
    "/a%2e%2e",
    "/a b",
    "/ä",
    "/a;b",
]
SCHEMES = [
    "", "//", "ftp://", "file://", "javascript:", "https:", "https:/", "https:///", "https:\\\\", "htps://",
    " https://", "data:", "ws://", "gopher://", "http://", "unix://", "https+unix://", "https://https://",
]  # fmt: skip
HOSTILE = [
    *(f"https://{host}" for host in HOSTS),
    *(f"https://{host}/path" for host in HOSTS if host.strip()),
    *(f"https://acme.example.com{path}" for path in PATHS),
    *(f"{scheme}acme.example.com" for scheme in SCHEMES),
    *(
        f"http://{host}"
        for host in ("0.0.0.0", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil", "128.0.0.1")
    ),
]
LINKS = [
    *(f"https://{host}/api" for host in HOSTS if host),
    *(f"//{host}/api" for host in HOSTS if host),
    "http://acme.example.com/api", "https://acme.example.com:444/api", "https://acme.example.com/apix",
    "https://acme.example.com/other/api", "/other", "../../x", "/api/../other", "/api/%2e%2e/other",
    "/api/..%2fother", "/api/..%5cother", "/api/.%2E/other", "\\\\evil.example", "/\\evil.example", "/\tevil",
    "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd",
    "ftp://acme.example.com/api", "https://acme.example.com.evil.example/api", "https://acme.example.comevil/api",
    "https://evil.example/?https://acme.example.com/api", "https://evil.example#acme.example.com/api",
]  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_a_plain_address_is_taken(url: str) -> None:
    base = Base.parse(url)
    assert (base.scheme, base.host, base.port, base.path) == GOOD[url]
    assert Base.parse(str(base)) == base
    assert HelpdeskSettings(kind="x", url=url).base == base


@pytest.mark.parametrize("url", HOSTILE)
def test_an_odd_address_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        Base.parse(url)
    assert url.strip() == "" or url not in str(caught.value)
    with pytest.raises(ValidationError):
        HelpdeskSettings(kind="x", url=url)


def test_there_are_two_hundred_hostile_forms() -> None:
    assert len({*HOSTILE, *LINKS}) >= 200


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_leaves_is_refused(link: str) -> None:
    base = Base.parse("https://acme.example.com/api")
    with pytest.raises(ConfigurationError) as caught:
        base.resolve(link, "https://acme.example.com/api/v2/tickets")
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("/api/v2/x?page=2", "https://acme.example.com/api/v2/x?page=2"),
        ("?page=2", "https://acme.example.com/api/v2/tickets?page=2"),
        ("https://ACME.example.com:443/api/y", "https://ACME.example.com:443/api/y"),
        ("next", "https://acme.example.com/api/v2/next"),
    ],
)
def test_a_link_that_stays_is_followed(link: str, target: str) -> None:
    base = Base.parse("https://acme.example.com/api")
    assert base.resolve(link, "https://acme.example.com/api/v2/tickets") == target


@given(
    st.text(max_size=40), st.sampled_from(["", "/", "//", "https://", "https:", "/api/", "\\", "/api/../"])
)
def test_whatever_is_resolved_stays_on_the_host(tail: str, head: str) -> None:
    base = Base.parse("https://acme.example.com/api")
    try:
        target = base.resolve(head + tail, "https://acme.example.com/api/v2/tickets")
    except ConfigurationError:
        return
    parts = urlsplit(target)
    assert (parts.scheme, (parts.hostname or "").lower(), parts.port or 443) == (
        "https",
        "acme.example.com",
        443,
    )
    assert parts.path.startswith("/api/")


@pytest.mark.parametrize("path", ["x", "//evil.example/x", "/../x", "/a b", "/ä", "\\x", "", "@evil.example"])
def test_a_path_that_would_leave_is_refused(path: str) -> None:
    base = Base.parse("https://acme.example.com/api")
    try:
        address = base.join(path)
    except ConfigurationError:
        return
    assert address.startswith("https://acme.example.com/api/")
