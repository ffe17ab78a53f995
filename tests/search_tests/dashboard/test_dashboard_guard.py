"""The guard as a function of the request: no socket, no dashboard behind it."""

import base64
import io
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

from search.dashboard import Credentials, Guard
from search.dashboard.own_names import own_name
from search.errors import UsageError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


class Dashboard:
    """A stand-in application that says what reached it."""

    def __init__(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.headers = list(headers)
        self.bodies: list[bytes] = []

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response("200 OK", [("Content-Type", "text/html"), *self.headers])
        return [b"a page"]


def ask(guard: Guard, method: str = "GET", path: str = "/", body: bytes = b"", **environ: str) -> Any:
    """The answer of `guard` as (status code, headers in lower case, text)."""
    request: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_HOST": "127.0.0.1:8080",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    setup_testing_defaults(request)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None, /) -> Any:
        started.append((status, headers))

    text = b"".join(guard(request, start)).decode()
    [(status, headers)] = started
    return int(status[:3]), {name.lower(): value for name, value in headers}, text


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "localhost:9999",  # a forwarded port
        "LOCALHOST",
        "[::1]:8080",
    ],
)
def test_loopback_names_pass_under_any_port(host: str) -> None:
    assert ask(Guard(Dashboard()), HTTP_HOST=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "127.0.0.1,evil.example",  # two Host headers, as the server joins them
        "localhost:80:80",
        "192.0.2.7",
        "[::1",
        "\x00",
    ],
)
def test_other_names_are_refused_before_anything_is_read(host: str) -> None:
    dashboard = Dashboard()
    code, _, text = ask(Guard(dashboard), HTTP_HOST=host)
    assert (code, dashboard.bodies) == (403, [])
    assert "does not answer to the host name" in text
    assert "127.0.0.1" in text


def test_any_address_passes_bare_addresses_and_still_no_foreign_name() -> None:
    guard = Guard(Dashboard(), any_address=True)
    assert ask(guard, HTTP_HOST="192.0.2.7:80")[0] == 200
    assert ask(guard, HTTP_HOST="[2001:db8::1]")[0] == 200
    assert ask(guard, HTTP_HOST="evil.example")[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_read_only_refuses_what_is_not_reading_and_says_how_to_lift_it(method: str) -> None:
    dashboard = Dashboard()
    code, headers, text = ask(Guard(dashboard), method, "/api/studies/1")
    assert (code, headers["allow"], dashboard.bodies) == (405, "GET, HEAD", [])
    assert "--allow-edit" in json.loads(text)["reason"]  # what the dashboard's own pages show


def test_head_passes_and_a_refused_head_has_no_body() -> None:
    assert ask(Guard(Dashboard()), "HEAD")[0] == 200
    code, headers, text = ask(Guard(Dashboard()), "HEAD", HTTP_HOST="evil.example")
    assert (code, text) == (403, "")
    assert int(headers["content-length"]) > 0


def test_allow_edit_lets_edits_of_the_dashboards_own_pages_through() -> None:
    guard = Guard(Dashboard(), allow_edit=True)
    assert ask(guard, "DELETE", "/api/studies/1")[0] == 200
    assert ask(guard, "DELETE", "/api/studies/1", HTTP_ORIGIN="http://127.0.0.1:8080")[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:3000", "127.0.0.1:8080"])
def test_allow_edit_refuses_edits_sent_by_other_pages(origin: str) -> None:
    guard = Guard(Dashboard(), allow_edit=True)
    code, _, text = ask(guard, "POST", "/incompatible-rdb-schema", HTTP_ORIGIN=origin)
    assert code == 403
    assert "may not change anything here" in text


OWN = (own_name("HPO.lab.example"), own_name("gpu7:8443"))


# `Host` as a proxy hands it on, `Origin` as a browser sends it
@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("hpo.lab.example", "https://hpo.lab.example"),
        ("HPO.lab.example", "https://hpo.lab.example"),
        ("hpo.lab.example:80", "http://hpo.lab.example"),
        ("127.0.0.1:8080", "https://hpo.lab.example"),  # nginx with `proxy_set_header Host 127.0.0.1:8080`
        ("hpo.lab.example:8443", "https://hpo.lab.example:8443"),  # one and the same
        ("127.0.0.1:8080", "https://gpu7:8443"),
        ("gpu7:8443", "https://gpu7:8443"),
    ],
)
def test_names_of_its_own_pass_as_host_and_as_origin(host: str, origin: str) -> None:
    guard = Guard(Dashboard(), own_names=OWN, allow_edit=True)
    assert ask(guard, HTTP_HOST=host)[0] == 200
    assert ask(guard, "PUT", "/api/studies/1/note", HTTP_HOST=host, HTTP_ORIGIN=origin)[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://hpo.lab.example.evil.example",
        "https://hpo.lab.example:3000",  # somebody else's page on that machine
        "https://gpu7",
        "https://user@hpo.lab.example",
        "https://[::1",
        "null",
    ],
)
def test_other_pages_stay_out_beside_names_of_its_own(origin: str) -> None:
    guard = Guard(Dashboard(), own_names=OWN, allow_edit=True)
    assert ask(guard, "PUT", "/api/studies/1/note", HTTP_ORIGIN=origin)[0] == 403
    assert ask(guard, HTTP_HOST="evil.example")[0] == 403


def test_a_refusal_names_the_option_that_lifts_it() -> None:
    guard = Guard(Dashboard(), allow_edit=True)
    text = ask(guard, HTTP_HOST="hpo.lab.example:8443")[2]
    assert "If that name is this dashboard's, behind a proxy for example, start it with" in text
    assert text.endswith(" --allow-host hpo.lab.example\n")
    text = ask(guard, "PUT", HTTP_ORIGIN="https://hpo.lab.example:8443")[2]
    assert text.endswith(" --allow-host hpo.lab.example:8443\n")


@pytest.mark.parametrize("odd", ["$(reboot)", "a;b", "`x`", ""])
def test_what_is_no_name_is_not_offered_to_be_pasted(odd: str) -> None:
    guard = Guard(Dashboard(), allow_edit=True)
    assert "--allow-host" not in ask(guard, HTTP_HOST=odd)[2]
    assert "--allow-host" not in ask(guard, "PUT", HTTP_ORIGIN=f"https://{odd}")[2]


@pytest.mark.parametrize(
    "text", ["", "*", "*.lab.example", "https://hpo.lab.example", "a b", "a/b", "a:b", "a.", "-x", "hpö"]
)
def test_what_is_no_name_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"--allow-host: got .* such as hpo\.lab\.example or hpo\.lab"):
        own_name(text)


def test_every_answer_carries_the_security_headers() -> None:
    for answer in (ask(Guard(Dashboard())), ask(Guard(Dashboard()), "DELETE")):
        _, headers, _ = answer
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"


# Spellings of an artifact's path that the dashboard's router takes for the same.
@pytest.mark.parametrize("path", ["/artifacts/1/2/ab", "//artifacts/1/ab", "/artifacts/1/ab//"])
def test_an_artifact_is_sandboxed_and_the_page_keeps_its_own_policy(path: str) -> None:
    _, headers, _ = ask(Guard(Dashboard()), path=path)
    assert headers["content-security-policy"] == "sandbox"
    own = Dashboard([("content-security-policy", "default-src 'self'")])
    assert ask(Guard(own))[1]["content-security-policy"] == "default-src 'self'"


def test_a_path_that_the_dashboard_would_read_otherwise_is_refused() -> None:
    code, _, text = ask(Guard(Dashboard()), path="/api/trials/1/te\xffll")
    assert code == 400
    assert "not UTF-8" in text


def basic(user_and_password: str) -> str:
    return "Basic " + base64.b64encode(user_and_password.encode()).decode()


def test_with_credentials_each_request_has_to_carry_them() -> None:
    guard = Guard(Dashboard(), credentials=Credentials("ada", "lovelace:é"))
    assert ask(guard, HTTP_AUTHORIZATION=basic("ada:lovelace:é"))[0] == 200
    code, headers, text = ask(guard)
    assert (code, headers["www-authenticate"][:5]) == (401, "Basic")
    assert "password" in text


@pytest.mark.parametrize(
    "authorization",
    [
        basic("ada:lovelac"),
        basic("ada:lovelace "),
        basic("ada"),
        basic(":lovelace"),
        basic("ada:lovelace").replace("Basic", "Bearer"),
        "Basic",
        "Basic ?",
        "Basic é",
        "",
    ],
)
def test_other_credentials_are_refused(authorization: str) -> None:
    guard = Guard(Dashboard(), credentials=Credentials("ada", "lovelace"))
    assert ask(guard, HTTP_AUTHORIZATION=authorization)[0] == 401


@pytest.mark.parametrize("path", ["/api/trials/7/tell", "//api/trials/7/tell/"])
@pytest.mark.parametrize("value", ["NaN", '"nan"', "Infinity", '"-inf"', "1e999"])
def test_a_result_that_is_not_finite_never_reaches_the_storage(path: str, value: str) -> None:
    dashboard = Dashboard()
    body = f'{{"state": "Complete", "values": [0.5, {value}]}}'.encode()
    code, _, text = ask(Guard(dashboard, allow_edit=True), "POST", path, body)
    assert (code, dashboard.bodies) == (400, [])
    assert "finite" in text


@pytest.mark.parametrize(
    "body",
    [
        b'{"state": "Complete", "values": [0.5]}',
        b'{"state": "Fail"}',  # the rest is for the dashboard to judge
        b"[]",
        b"not JSON",
        b"",
    ],
)
def test_other_results_arrive_unchanged(body: bytes) -> None:
    dashboard = Dashboard()
    assert ask(Guard(dashboard, allow_edit=True), "POST", "/api/trials/7/tell", body)[0] == 200
    assert dashboard.bodies == [body]


@pytest.mark.parametrize(
    ("length", "code"),
    [("70000", 413), ("-1", 411), ("many", 411)],
)
def test_a_result_of_odd_length_is_refused(length: str, code: int) -> None:
    guard = Guard(Dashboard(), allow_edit=True)
    assert ask(guard, "POST", "/api/trials/7/tell", CONTENT_LENGTH=length)[0] == code


def test_a_result_in_chunks_is_refused() -> None:
    guard = Guard(Dashboard(), allow_edit=True)
    answer = ask(guard, "POST", "/api/trials/7/tell", HTTP_TRANSFER_ENCODING="chunked")
    assert answer[0] == 411


@pytest.mark.parametrize("path", ["/api/studies/7/rename", "//api/studies/7/rename/"])
def test_a_study_is_not_renamed_without_what_warmboot_keeps_on_it(path: str) -> None:
    dashboard = Dashboard()
    code, _, text = ask(Guard(dashboard, allow_edit=True), "POST", path, b'{"study_name": "b"}')
    assert (code, dashboard.bodies) == (403, [])
    assert "under another name" in text
