"""The connection: its URL, its credentials, and errors that name the field to set and how."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import BaseHook, Connection

from airflow_provider_checkly import connection
from airflow_provider_checkly.api.models import CHECK_SESSION
from airflow_provider_checkly.connection import Settings
from airflow_provider_checkly.exceptions import InvalidInput

ACCOUNT = "acc00000-0000-4000-8000-000000000001"
KEY = "cu_canary0123456789"


def checkly(**fields: Any) -> Connection:
    known = {"conn_id": "my_checkly", "conn_type": "checkly", "login": ACCOUNT, "password": KEY}
    extra = fields.pop("extra", None)
    return Connection(
        **(known | fields), extra=json.dumps(extra) if isinstance(extra, dict | list) else extra
    )


def refusal(found: Connection) -> str:
    """Return the text with which a connection is refused; it never shows the key."""
    with pytest.raises(InvalidInput) as caught:
        connection.settings(found)
    text = str(caught.value)
    assert text.startswith("Connection 'my_checkly': ")
    assert KEY not in text
    assert KEY not in repr(caught.value)
    return text.removeprefix("Connection 'my_checkly': ")


def test_login_and_password_are_enough() -> None:
    """By default https, and Checkly's own host."""
    settings = connection.settings(checkly())
    assert settings.credentials.base_url == "https://api.checklyhq.com"
    assert (settings.credentials.account_id, settings.credentials.api_key) == (ACCOUNT, KEY)
    assert (settings.api_version, settings.requests_per_minute, settings.max_connections) == ("v2", 595, 300)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": None}, "https://api.checklyhq.com"),
        ({"host": ""}, "https://api.checklyhq.com"),
        ({"host": "  "}, "https://api.checklyhq.com"),
        ({"host": "", "port": 8443}, "https://api.checklyhq.com:8443"),
        ({"host": "checkly.example.com"}, "https://checkly.example.com"),
        ({"host": " checkly.example.com\n"}, "https://checkly.example.com"),
        ({"host": "checkly.example.com:8443"}, "https://checkly.example.com:8443"),
        ({"host": "checkly.example.com", "port": 8443}, "https://checkly.example.com:8443"),
        ({"host": "checkly.example.com", "schema": "https"}, "https://checkly.example.com"),
        ({"host": "https://checkly.example.com"}, "https://checkly.example.com"),
        ({"host": "https://checkly.example.com/"}, "https://checkly.example.com"),
        ({"host": "HTTPS://Checkly.Example.com"}, "https://Checkly.Example.com"),
        ({"host": "https://checkly.example.com", "schema": "http"}, "https://checkly.example.com"),
        ({"host": "https://checkly.example.com/api/", "port": 8443}, "https://checkly.example.com:8443/api"),
        ({"host": "checkly.example.com/a/b"}, "https://checkly.example.com/a/b"),
        ({"host": "https://checkly.example.com:8443", "port": 8443}, "https://checkly.example.com:8443"),
        ({"host": "[2001:db8::1]", "port": 8443}, "https://[2001:db8::1]:8443"),
        ({"host": "2001:db8::1", "port": 8443}, "https://[2001:db8::1]:8443"),
        ({"host": "::1", "schema": "http"}, "http://[::1]"),
        ({"host": "https://checkly.example.com///"}, "https://checkly.example.com"),
        ({"host": "https://[2001:db8::1]:443/x"}, "https://[2001:db8::1]:443/x"),
        ({"host": "http://127.0.0.1:3000"}, "http://127.0.0.1:3000"),
        ({"host": "http://127.8.9.1"}, "http://127.8.9.1"),
        ({"host": "127.0.0.1", "schema": "http", "port": 3000}, "http://127.0.0.1:3000"),
        ({"host": "http://localhost:3000/"}, "http://localhost:3000"),
        ({"host": "http://LOCALHOST"}, "http://LOCALHOST"),
        ({"host": "http://checkly.localhost"}, "http://checkly.localhost"),
        ({"host": "http://[::1]:3000"}, "http://[::1]:3000"),
    ],
)
def test_base_url(fields: dict[str, Any], url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Plain http is accepted without a warning on this machine only."""
    assert connection.settings(checkly(**fields)).credentials.base_url == url
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "http://checkly.example.com"}, "http://checkly.example.com"),
        ({"host": "checkly.example.com", "schema": "http"}, "http://checkly.example.com"),
        ({"host": "http://10.0.0.1"}, "http://10.0.0.1"),
        ({"host": "http://[2001:db8::1]"}, "http://[2001:db8::1]"),
        ({"host": "http://localhost.example.com"}, "http://localhost.example.com"),
        ({"host": "http://127.0.0.1.example.com"}, "http://127.0.0.1.example.com"),
    ],
)
def test_plain_http_to_elsewhere_warns(
    fields: dict[str, Any], url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert connection.settings(checkly(**fields)).credentials.base_url == url
    assert caplog.messages == ["Connection 'my_checkly' sends the API key over plain http; use https."]


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"host": "https://"}, "https://"),
        ({"host": "://checkly.example.com"}, "://checkly.example.com"),
        ({"host": "ftp://checkly.example.com"}, "ftp://checkly.example.com"),
        ({"host": "checkly.example.com", "schema": "ftp"}, "ftp://checkly.example.com"),
        ({"host": "https://checkly.example.com:port"}, "https://checkly.example.com:port"),
        ({"host": "https://checkly.example.com:0"}, "https://checkly.example.com:0"),
        ({"host": "https://checkly.example.com:65536"}, "https://checkly.example.com:65536"),
        ({"host": "https://[2001:db8::1"}, "https://[2001:db8::1"),
        ({"host": "2001:db8::1:8443:x"}, "https://2001:db8::1:8443:x"),
        ({"host": "https:/checkly.example.com"}, "https://https:/checkly.example.com"),
        ({"host": "https:checkly.example.com"}, "https://https:checkly.example.com"),
        ({"host": "https://checkly.example.com:"}, "https://checkly.example.com:"),
        ({"host": "//checkly.example.com"}, "https:////checkly.example.com"),
        ({"host": "https://checkly.example.com?x=1"}, "https://checkly.example.com?x=1"),
        ({"host": "checkly.example.com", "schema": "v1"}, "v1://checkly.example.com"),
        ({"host": "https://checkly.example.com/?x=1"}, "https://checkly.example.com/?x=1"),
        ({"host": "https://checkly.example.com/#x"}, "https://checkly.example.com/#x"),
        ({"host": "https://checkly .example.com"}, "https://checkly .example.com"),
        ({"host": "https://checkly\r\n.example.com"}, "https://checkly\r\n.example.com"),
        ({"host": r"https://checkly.example.com\@evil.example"}, "evil.example"),
        ({"host": f"https://user:{KEY}@checkly.example.com"}, "checkly.example.com"),
    ],
)
def test_a_host_that_is_not_a_valid_url_is_refused(fields: dict[str, Any], shown: str) -> None:
    text = refusal(checkly(**fields))
    assert text.startswith(f"host is not a valid URL: {shown!r}. Set host to a URL such as https://api.")


@pytest.mark.parametrize("port", [-1, 65_536, 70_000])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    text = refusal(checkly(host="checkly.example.com", port=port))
    assert text.startswith(f"port {port} is not a valid port")


def test_two_ports_are_refused() -> None:
    text = refusal(checkly(host="https://checkly.example.com:8443", port=9443))
    assert text == "port 9443 contradicts host 'https://checkly.example.com:8443'. Clear one of them."


@pytest.mark.parametrize(
    ("field", "named", "variable"),
    [
        ("login", "login (account ID)", "CHECKLY_ACCOUNT_ID"),
        ("password", "password (API key)", "CHECKLY_API_KEY"),
    ],
)
@pytest.mark.parametrize("value", [None, ""])
def test_missing_credentials_are_named(field: str, named: str, variable: str, value: str | None) -> None:
    assert refusal(checkly(**{field: value})) == (
        f"{named} is missing. Set it to the value that Checkly's own tools read from {variable}."
    )


@pytest.mark.parametrize("odd", ["{}\n", " {}", "{} ", "{}\r\nX-Evil: 1", "{}\t", "{}\0", "ü{}", "“{}”"])
@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("login", ACCOUNT, "login (account ID)"), ("password", KEY, "password (API key)")],
)
def test_credentials_that_do_not_fit_in_a_header_are_refused(
    field: str, value: str, named: str, odd: str
) -> None:
    """A line break that was copied along is reported, not sent, and the key is not shown."""
    text = refusal(checkly(**{field: odd.format(value)}))
    assert text.startswith(f"{named} contains characters that are not allowed in an HTTP header. Remove")


HOSTILE = ["cu_/#@%:?&=+", "%2F%40", "a:b@c/d?e#f", "cu_'\"\\{}[]", "!$&()*,;~^`|<>", "checkly://x:y@z"]


@pytest.mark.parametrize("key", HOSTILE)
@pytest.mark.parametrize("form", ["json", "uri"])
def test_hostile_keys_arrive_as_they_are(key: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/ # @ % : ?` in a key come through the environment unchanged."""
    fields = {"conn_type": "checkly", "login": ACCOUNT, "password": key, "host": "127.0.0.1", "port": 3000}
    quoted = f"checkly://{ACCOUNT}:{quote(key, safe='')}@127.0.0.1:3000"
    monkeypatch.setenv("AIRFLOW_CONN_MY_CHECKLY", json.dumps(fields) if form == "json" else quoted)
    credentials = connection.settings(BaseHook.get_connection("my_checkly")).credentials
    assert (credentials.account_id, credentials.api_key) == (ACCOUNT, key)
    assert credentials.base_url == "https://127.0.0.1:3000"
    assert credentials.headers()["Authorization"] == f"Bearer {key}"


@pytest.mark.parametrize("host", ["http://127.0.0.1:3000", "https://checkly.example.com/api"])
def test_a_url_as_host_survives_the_environment(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works in JSON, and in the URI that Airflow itself generates."""
    made = checkly(host=host, extra={"api_version": "v1", "max_connections": 7}).get_uri()
    fields = {"conn_type": "checkly", "login": ACCOUNT, "password": KEY, "host": host}
    for value in (made, json.dumps(fields)):
        monkeypatch.setenv("AIRFLOW_CONN_MY_CHECKLY", value)
        assert connection.settings(BaseHook.get_connection("my_checkly")).credentials.base_url == host
    monkeypatch.setenv("AIRFLOW_CONN_MY_CHECKLY", made)
    settings = connection.settings(BaseHook.get_connection("my_checkly"))
    assert (settings.api_version, settings.max_connections) == ("v1", 7)


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("checkly://me:key@", "https://api.checklyhq.com"),
        ("checkly://me:key@[::1]:3000/http", "http://[::1]:3000"),
        ("checkly://me:key@[2001:db8::1]", "https://[2001:db8::1]"),
        ("checkly://me:key@Checkly.Example.COM:8443/https", "https://checkly.example.com:8443"),
        ("checkly://me:key@http%3A%2F%2F%5B%3A%3A1%5D%3A3000", "http://[::1]:3000"),
    ],
)
def test_base_url_of_a_uri(uri: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow takes brackets away, and turns a host to lower case."""
    monkeypatch.setenv("AIRFLOW_CONN_MY_CHECKLY", uri)
    assert connection.settings(BaseHook.get_connection("my_checkly")).credentials.base_url == url


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        (None, ("v2", 595, 300)),
        ("", ("v2", 595, 300)),
        ({}, ("v2", 595, 300)),
        ({"api_version": "v1"}, ("v1", 595, 300)),
        ({"api_version": "v2"}, ("v2", 595, 300)),
        ({"api_version": None, "requests_per_minute": None, "max_connections": ""}, ("v2", 595, 300)),
        ({"requests_per_minute": 1}, ("v2", 1, 300)),
        ({"requests_per_minute": 600}, ("v2", 600, 300)),
        ({"requests_per_minute": "60"}, ("v2", 60, 300)),
        ({"max_connections": "1"}, ("v2", 595, 1)),
        ({"max_connections": 65_535}, ("v2", 595, 65_535)),
    ],
)
def test_extras(extra: Any, wanted: tuple[str, int, int], caplog: pytest.LogCaptureFixture) -> None:
    """Numbers may be strings, as in a URI."""
    settings = connection.settings(checkly(extra=extra))
    found = (settings.api_version, settings.requests_per_minute, settings.max_connections)
    assert found == wanted
    assert settings.sessions(CHECK_SESSION).version == settings.api_version
    assert caplog.messages == []


NOT_POSITIVE_INTEGERS = [
    0,
    -1,
    1.5,
    60.0,
    True,
    False,
    "0",
    "-1",
    "1.5",
    "ten",
    "1_0",
    " 5",
    [5],
    {"a": 1},
    "9" * 5000,
]


@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
@pytest.mark.parametrize(("name", "most"), [("requests_per_minute", 600), ("max_connections", 65_535)])
def test_an_extra_that_is_not_a_positive_integer_is_refused(name: str, most: int, value: Any) -> None:
    """True does not count as 1."""
    text = refusal(checkly(extra={name: value}))
    assert text.startswith(
        f"extra {name} is {value!r}. Set a whole number from 1 to {most}, or remove it (default"
    )


@pytest.mark.parametrize(("name", "value"), [("requests_per_minute", 601), ("max_connections", 65_536)])
def test_an_extra_that_is_too_large_is_refused(name: str, value: int) -> None:
    assert refusal(checkly(extra={name: value})).startswith(f"extra {name} is {value}. ")


@pytest.mark.parametrize("value", ["v3", "V2", "2", 2, True, False, 0, ["v2"], {"v2": "v1"}])
def test_an_unknown_api_version_is_refused(value: Any) -> None:
    assert refusal(checkly(extra={"api_version": value})) == (
        f"extra api_version is {value!r}. Set v2 or v1, or remove it."
    )


class Stored:
    """A connection whose extra Airflow has not validated."""

    conn_id, login, password, host, port, schema = "my_checkly", ACCOUNT, KEY, None, None, None

    def __init__(self, extra: str) -> None:
        self.extra = extra


@pytest.mark.parametrize(
    "extra", ["{", "api_version=v1", "[]", '"v1"', "null", "7", f'["{KEY}"]', "[" * 100_000]
)
def test_an_extra_that_is_not_a_json_object_is_refused(extra: str) -> None:
    text = refusal(Stored(extra))
    assert text == 'extra is not a JSON object. Clear it, or set e.g. {"api_version": "v2"}.'


def test_unknown_extras_are_named_once_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """Their values may be secrets, so only the names are logged."""
    caplog.set_level(logging.DEBUG)
    extra = {"timeout": "s3cr3t-1", "api_key": "s3cr3t-2", "verify": False, "api_version": "v2"}
    settings = connection.settings(checkly(extra=extra))
    assert caplog.messages == [
        "Connection 'my_checkly': unknown extras are ignored: api_key, timeout, verify."
    ]
    assert "s3cr3t" not in repr(settings) + str(settings.credentials.headers())
    assert settings == Settings(settings.credentials)


def test_the_form_has_every_setting() -> None:
    read = {"api_version", "requests_per_minute", "max_connections"}
    assert set(connection.FORM_FIELDS) == read == set(Settings.__dataclass_fields__) - {"credentials"}
    assert "password" not in connection.FORM_BEHAVIOUR["hidden-fields"]  # type: ignore[operator]
