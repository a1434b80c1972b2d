"""HTTP that is bent to lead a browser astray: where the portal sends it, what it says, and what it refuses."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from http.client import HTTPMessage, parse_headers
from io import BytesIO
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from conformance.hostile.portal import COOKIE, PAGES, POSTS, ROUTES, Browser, Subscriber, placed
from conformance.house import House

EVIL = "evil.example"
PLACES = (
    f"https://{EVIL}/",
    f"//{EVIL}/",
    f"\\\\{EVIL}\\",
    f"/\\{EVIL}",
    f"/%2f{EVIL}",
    f"%2f%2f{EVIL}",
    f"https:{EVIL}",
    f"javascript:alert(1)//{EVIL}",
    f"data:text/html,{EVIL}",
    f"/certificates@{EVIL}",
    f"\thttps://{EVIL}",
    f"%0d%0aLocation:%20https://{EVIL}",
)
NAMES = ("next", "url", "to", "return", "redirect", "redirect_uri", "continue", "goto", "back", "lang", "after", "why")
_TIMEOUT_SECONDS = 60
SPLITS = ("\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\r\n\r\n<script>", "\0", "\x0bX-Evil: 1", "\u2028X-Evil: 1")


class Raw(NamedTuple):
    """What came back to octets that no library sends."""

    status: int
    headers: HTTPMessage
    body: bytes


def sent(house: House, octets_: bytes, *, only_first: bool = False) -> list[Raw]:
    """Send octets on one connection, and read every answer until the server ends it, or the first one."""
    context = ssl.create_default_context(cafile=str(house.trust))
    with (
        socket.create_connection(("127.0.0.1", house.port), timeout=_TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        octets = b""
        try:
            tls.sendall(octets_)
            while chunk := tls.recv(65_536):
                octets += chunk
                if only_first and is_whole(octets):
                    break
        except ConnectionError:
            # Whoever is cut off while sending reads what came before.
            pass
        return list(answers(octets))


def is_whole(octets: bytes) -> bool:
    head, end, body = octets.partition(b"\r\n\r\n")
    headers = parse_headers(BytesIO(head.partition(b"\r\n")[2] + b"\r\n\r\n"))
    return bool(end) and len(body) >= int(headers.get("Content-Length", 0))


def answers(octets: bytes) -> Iterator[Raw]:
    stream = BytesIO(octets)
    while line := stream.readline():
        headers = parse_headers(stream)
        yield Raw(int(line.split()[1]), headers, stream.read(int(headers.get("Content-Length", 0))))


def request(method: str, target: str, *headers: str, body: bytes = b"", host: str = "Host: localhost") -> bytes:
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", host, "Accept: text/html", "Connection: close", *length, *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def own(location: str | None) -> bool:
    """Whether a browser that follows this stays where it is."""
    if location is None:
        return True
    went = urlsplit(urljoin("https://localhost/", location.replace("\\", "/").strip()))
    return location.startswith("/") and (went.scheme, went.netloc) == ("https", "localhost")


@pytest.mark.parametrize("place", PLACES)
def test_no_field_of_a_query_or_a_form_names_where_to_go(mallory: Subscriber, place: str) -> None:
    fields = dict.fromkeys(NAMES, place)
    for query in (urlencode(fields), urlencode({**fields, "lang": "en"})):
        for path in ("/", "/sign-in", "/certificates", "/history", "/renew", "/help/", "/notices/decline", "/nowhere"):
            answer = mallory.get(f"{path}?{query}")
            assert own(answer.headers["Location"]), (path, answer.headers["Location"])
            assert f'href="{place}' not in answer.text
    for path in ("/sign-in", "/sign-out", "/sign-in/passkey"):
        answer = Browser(mallory.house).post(f"{path}?{query}", {"account": "", "answer": "{}", **fields})
        assert own(answer.headers["Location"])


@pytest.mark.parametrize(
    "target",
    [
        f"//{EVIL}/",
        f"//{EVIL}/certificates",
        f"/\\{EVIL}/",
        f"https://{EVIL}/certificates",
        f"https://{EVIL}/sign-in?lang=en",
        f"/.//{EVIL}",
        f"/%2f{EVIL}/?lang=en",
        f"/%5c{EVIL}?lang=en",
        f"/sign-in/..//{EVIL}?lang=en",
        f"/certificates/%2f%2f{EVIL}?lang=en",
        "/certificates/%0d%0aSet-Cookie:x=1?lang=en",
    ],
)
def test_no_path_is_taken_for_another_host(portal: House, target: str) -> None:
    (answer,) = sent(portal, request("GET", target))

    assert answer.status in {200, 303, 404, 400}
    assert own(answer.headers["Location"]), answer.headers["Location"]
    assert f'="//{EVIL}'.encode() not in answer.body
    assert f'="https://{EVIL}'.encode() not in answer.body


@pytest.mark.parametrize(
    "host", [EVIL, f"localhost@{EVIL}", f"{EVIL}:443", f"localhost, {EVIL}", "", "localhost/", '"><script>', "["]
)
def test_the_host_field_leads_nowhere(portal: House, host: str) -> None:
    forwarded = (
        f"X-Forwarded-Host: {EVIL}",
        "X-Forwarded-Proto: http",
        f"Forwarded: host={EVIL}",
        f"X-Original-URL: /{EVIL}",
        f"X-Rewrite-URL: /{EVIL}",
    )
    for path in ("/", "/sign-in", "/certificates", "/sign-in?lang=en", "/help/", "/nowhere"):
        (answer,) = sent(portal, request("GET", path, *forwarded, host=f"Host: {host}"))

        assert own(answer.headers["Location"])
        assert EVIL.encode() not in answer.body
        assert b"<script>" not in answer.body


@pytest.mark.parametrize("split", SPLITS)
def test_nothing_that_is_sent_becomes_a_field_of_an_answer(mallory: Subscriber, split: str) -> None:
    text = urlencode({"v": f"en{split}"}).removeprefix("v=")
    places = [f"/?lang={text}", f"/sign-in?lang={text}&gate={text}", f"/certificates?name={text}&lang=en&status={text}"]
    places += [
        f"/certificates/{text}/file/pem",
        f"/certificates/{text}/file/{text}?lang=en",
        f"/history?event={text}&lang=en",
    ]
    places += [f"/gate/{text}.png", f"/help/{text}?lang={text}", f"/assets/{text}", f"/devices/new/{text}?lang=en"]
    for place in places:
        answer = mallory.get(place)
        assert answer.status in {200, 303, 400, 404}, place
        assert answer.headers["X-Evil"] is None
        assert "Set-Cookie" not in answer.headers or answer.headers["Set-Cookie"].startswith("__Host-lang=en;")
        assert all("\r" not in value and "\n" not in value for value in answer.headers.values())


@pytest.mark.parametrize(
    "field",
    [
        "Accept-Language: en\r x",
        "Cookie: __Host-lang=en%0d%0aX-Evil:1",
        "Cookie: __Host-lang=zh\x00",
        "Accept-Language: \x01\x7f",
        "X-Forwarded-For: <script>",
        "Sec-Fetch-Site: \xff",
    ],
)
def test_fields_that_are_no_text_do_no_harm(portal: House, field: str) -> None:
    found = sent(portal, request("GET", "/sign-in", field))

    assert [answer.status for answer in found] in ([200], [400])
    assert found[0].headers["X-Evil"] is None
    assert b"<script>" not in found[0].body


@pytest.mark.parametrize(
    "method", ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "POST"]
)
def test_other_methods_do_nothing_and_echo_nothing(mallory: Subscriber, method: str) -> None:
    before, cookie = mallory.state, f"Cookie: {COOKIE}={mallory.cookies[COOKIE]}"
    for path in sorted({placed(path) for _, path, step in ROUTES if step and not (method == "HEAD" and "{" in path)}):
        found = sent(mallory.house, request(method, path, cookie, "X-Mine: parrot"))
        for answer in found:
            assert answer.status in ({200} if method == "HEAD" and path in PAGES else {400, 403, 405, 404}), (
                path,
                answer,
            )
            assert b"parrot" not in answer.body
            assert answer.headers["Access-Control-Allow-Origin"] is None
            assert method != "HEAD" or answer.body == b""

    assert mallory.state == before


@pytest.mark.parametrize(
    "path",
    [
        "/certificates/../password",
        "/certificates/%2e%2e/password",
        "/./password",
        "//password",
        "/password/",
        "/PASSWORD",
        "/password%00",
        "/password%20",
        "/password;x=1",
        "/password/.",
        "/%70assword/x",
        "/assets/../../pyproject.toml",
        "/assets/%2e%2e/%2e%2e/soapstone.toml",
        "/assets/..%2f..%2fsoapstone.toml",
        "/help/../../soapstone.toml",
        "/gate/..%2f..%2fsoapstone.toml.png",
        "/gate/.png",
        "/%ff%fe",
        "/certificates/%ff",
        "/certificates/%ff?lang=en",
        "/certificates/%ed%a0%80?lang=en",
        "/passkeys/%ff/remove?lang=en",
        "/devices/%00/revoke",
        f"/certificates/{'a' * 7000}",
        f"/{'a/' * 3000}",
        "/certificates/%C0%AE%C0%AE/file/pem",
        "/certificates/1/file/..%2fpem",
        "/sign-in?%ff=%ff&lang=en",
        "/sign-in?lang=%ff",
        "/certificates?name=%ff",
        "/certificates?n=%D9%A3",
        "/history?since=9999-12-31&until=9999-12-31",
        "/history?since=0000-00-00",
        "/history?since=0001-01-01&until=0001-01-01",
        "/certificates?after=%00",
        "/history?after=%ff",
        "/sign-in?" + "&".join(["a"] * 1000),
    ],
)
def test_a_path_is_what_it_says_and_nothing_else(mallory: Subscriber, path: str) -> None:
    cookie = f"Cookie: {COOKIE}={mallory.cookies[COOKIE]}"

    (answer,) = sent(mallory.house, request("GET", path, cookie))

    assert answer.status in {200, 303, 400, 404, 414}, answer
    assert own(answer.headers["Location"])
    assert b"[store]" not in answer.body
    if answer.status == 200:
        assert b"<main" in answer.body


def test_what_is_too_large_is_refused_and_costs_nothing(portal: House, mallory: Subscriber) -> None:
    kind, cookie = "Content-Type: application/x-www-form-urlencoded", f"Cookie: {COOKIE}={mallory.cookies[COOKIE]}"
    for path in ("/sign-in", "/password", "/apply"):
        (large,) = sent(portal, request("POST", path, kind, cookie, body=b"csrf=" + b"a" * 70_000))
        assert large.status == 413
    for fields in (f"X-Long: {'a' * 9000}", *["\r\n".join(f"X-{number}: 1" for number in range(200))]):
        (answer,) = sent(portal, request("GET", "/sign-in", fields))
        assert answer.status in {400, 431}
    (answer,) = sent(portal, request("GET", f"/sign-in?{'a' * 9000}"))
    assert answer.status in {400, 414}


def test_a_key_is_limited_to_no_more_than_is_looked_through_at_once(mallory: Subscriber) -> None:
    """Whatever limits it is looked at whenever it is shown, by whoever knows its name."""
    before, token = mallory.state, mallory.csrf
    long = {
        "networks": "\n".join(f"10.0.{number // 250}.{number % 250}/32" for number in range(3000)),
        "names": "\n".join(f"a{number}.{mallory.zone}" for number in range(3000)),
        "note": "a" * 65,
        "uses": "9" * 30,
        "days": "9" * 30,
        "profiles": "a" * 5000,
    }

    for name, value in long.items():
        for what in ("key", "code"):
            assert mallory.post(f"/devices/new/{what}", {"csrf": token, name: value}).status == 422, name

    assert mallory.state == before


def test_thousands_of_fields_are_not_read(mallory: Subscriber) -> None:
    before, token = mallory.state, mallory.csrf
    for path in POSTS:
        many = [("csrf", token), *((f"f{number}", "") for number in range(5000))]
        assert mallory.post(placed(path), many).status == 400, path
    assert (
        mallory.post("/apply", [("csrf", token), *(("profile", f"p{number}") for number in range(499))]).status == 422
    )
    assert mallory.state == before


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/json",
        "",
        "application/x-www-form-urlencodedx",
        "text/html, application/x-www-form-urlencoded",
    ],
)
def test_what_is_no_form_is_none(mallory: Subscriber, kind: str) -> None:
    """Of these, other sites may have a browser send some without asking."""
    before, token = mallory.state, mallory.csrf
    bodies = (
        urlencode({"csrf": token, "note": "x"}),
        f'{{"csrf": "{token}"}}',
        f'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{token}\r\n--x--\r\n',
    )

    for path in POSTS:
        # Certification requests may come as files: with the right token, and from our own pages.
        refused = {400, 403, 422} if path in {"/apply", "/renew"} else {400}
        for body in bodies:
            headers = {"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
            assert mallory.send("POST", placed(path), body.encode(), headers).status in refused, path
            headers["Sec-Fetch-Site"] = "cross-site"
            assert mallory.send("POST", placed(path), body.encode(), headers).status == 403, path

    assert mallory.state == before


@pytest.mark.parametrize(
    "body",
    [
        b"csrf=\xff\xfe",
        b"csrf=%ff",
        b"\xff\xfec\x00s\x00r\x00f\x00",
        b"csrf=%00",
        b"csrf",
        b"csrf=%ed%a0%80",
        b"=&=&==",
        b"csrf[]=1",
        b"%63%73%72%66=x",
        b"csrf=a;csrf=b",
    ],
)
def test_a_form_in_another_charset_or_none_at_all_is_refused(mallory: Subscriber, body: bytes) -> None:
    before = mallory.state
    for charset in ("", "; charset=utf-16", "; charset=utf-7", "; charset=x"):
        headers = {"Content-Type": f"application/x-www-form-urlencoded{charset}", "Sec-Fetch-Site": "same-origin"}
        for path in ("/devices/new/key", "/password"):
            answer = mallory.send("POST", path, body, headers)
            assert answer.status in {400, 403}, (path, answer.text)

    assert mallory.state == before


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def test_a_form_with_files_is_read_as_strictly_as_any_other(mallory: Subscriber) -> None:
    token, end = part("csrf", mallory.csrf.encode()), b"--x--\r\n"
    chosen, before = part("profile", b"signing"), mallory.state
    bodies = {
        "no token": (chosen + end, 403),
        "token behind another": (part("csrf", b"x") + token + end, 403),
        "no end": (token + chosen, 400),
        "nothing": (b"", 400),
        "before": (b"preamble\r\n" + token + end, 400),
        "no name": (token + b"--x\r\n\r\nvalue\r\n" + end, 400),
        "no value": (token + b'--x\r\nContent-Disposition: form-data; name="a"\r\n' + end, 400),
        "zero": (token + part("profile", b"\0") + end, 400),
        "other charset": (token + part("profile", b"\xff\xfe") + end, 400),
        "many": (token + part("a", b"") * 600 + end, 400),
        "a file of nonsense": (
            token + chosen + part("file.signing", b"\x30" * 9000, '; filename="../../x"') + end,
            422,
        ),
        "other boundary": ((token + end).replace(b"--x", b"--y"), 400),
    }

    for name, (body, status) in bodies.items():
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Sec-Fetch-Site": "same-origin"}
        answer = mallory.send("POST", "/apply", body, headers)
        assert answer.status == status, (name, answer.text)
        assert b"../../x" not in answer.body, name

    assert mallory.state == before


def test_of_a_field_that_is_sent_twice_the_first_one_counts_for_everything(mallory: Subscriber) -> None:
    """Two readers who take different ones could be played against each other."""
    token, name = mallory.csrf, "first and only"

    made = mallory.post(
        "/devices/new/key",
        [("csrf", token), ("csrf", "x"), ("note", name), ("note", "last of all"), ("uses", "1"), ("uses", "9")],
    )

    assert made.status == 200
    assert name in made.text
    assert "last of all" not in made.text


def test_a_body_that_drips_is_given_up(portal: House) -> None:
    start = request("POST", "/sign-in", "Content-Type: application/x-www-form-urlencoded", "Content-Length: 100")

    (answer,) = sent(portal, start + b"account=", only_first=True)

    assert answer.status == 400
    assert b"did not arrive in time" in answer.body or b"<h1>" in answer.body


def test_two_lengths_are_no_second_request(portal: House, mallory: Subscriber) -> None:
    hidden = request("POST", "/sign-out", f"Cookie: {COOKIE}={mallory.cookies[COOKIE]}")
    kind = "Content-Type: application/x-www-form-urlencoded"
    for framing in (
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
    ):
        found = sent(portal, request("POST", "/sign-in", kind, *framing) + b"0\r\n\r\n" + hidden)
        assert len(found) == 1
        assert found[0].status == 400


REPLIES = (
    "/",
    "/sign-in",
    "/nowhere",
    "/certificates",
    "/help/",
    "/help/nowhere",
    "/help/not-found",
    "/assets/nowhere.css",
    "/agreement/nowhere",
    "/agreement?token=x",
    "/notices/decline",
    "/gate/x.png",
    "/health",
)


@pytest.mark.parametrize("accept", ["text/html", "*/*", "image/png"])
def test_no_answer_of_any_kind_stands_in_a_frame_or_is_taken_for_another(portal: House, accept: str) -> None:
    browser = Browser(portal)
    assets = [part.split('"')[0] for part in browser.get("/sign-in").text.split('="/assets/')[1:]]
    asked = [
        (method, path)
        for method in ("GET", "HEAD", "POST", "PUT")
        for path in (*REPLIES, *(f"/assets/{name}" for name in assets))
    ]

    lacking = []
    for method, path in asked:
        answer = browser.send(method, path, headers={"Accept": accept})
        headers = answer.headers
        is_safe = (
            headers["X-Frame-Options"] == "DENY"
            and headers["X-Content-Type-Options"] == "nosniff"
            and "frame-ancestors 'none'" in (headers["Content-Security-Policy"] or "")
        )
        lacking += [] if is_safe else [(method, path, answer.status)]

    assert assets
    assert lacking == []


def test_nor_does_an_answer_to_what_cannot_be_read(portal: House) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded"
    for octets in (
        request("POST", "/sign-in", kind, body=b"a" * 70_000),
        request("POST", "/sign-in", kind, "Transfer-Encoding: chunked") + b"zz\r\n",
        request("GET", f"/{'a' * 9000}"),
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"nonsense\r\n\r\n",
    ):
        for answer in sent(portal, octets):
            assert answer.headers["X-Frame-Options"] == "DENY", answer
            assert answer.headers["Server"] == "soapstone"
            assert answer.headers["X-Content-Type-Options"] == "nosniff", answer


def test_what_is_somebodys_own_is_kept_nowhere(mallory: Subscriber) -> None:
    held = mallory.held() or mallory.certify("signing")
    serial, id_ = held["signing"], mallory.device()
    for path in PAGES:
        answer = mallory.get(placed(path, serial=serial, id=id_))
        assert answer.headers["Cache-Control"] == "no-store", path
        assert answer.headers["ETag"] is None
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Access-Control-Allow-Origin"] is None
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert mallory.post("/devices/new/key", {"csrf": mallory.csrf}).headers["Cache-Control"] == "no-store"
