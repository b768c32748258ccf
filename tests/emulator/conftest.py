"""A client that holds every answer of the emulator against Checkly's OpenAPI document, if that is at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from json import loads
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import jsonschema
import pytest
import requests

from airflow_provider_checkly.emulator import Emulator

CONTRACT = Path(__file__).parents[3] / "shared" / "contract"
DOCUMENTS = [CONTRACT / f"checkly-openapi-{part}.json" for part in ("trimmed", "more")]
FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or len(value) == len("2026-01-01") or _is_time(value)


@FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


def _plain(node: Any) -> Any:
    """Turn OpenAPI 3.0 into JSON Schema draft 4, and allow only properties that are documented."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    schema = {key: _plain(value) for key, value in node.items()}
    if schema.get("nullable") is True and "type" in schema:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    if {"nullable": True} in schema.get("allOf", []):  # how the document says that a reference may be null
        schema["anyOf"] = [*schema.pop("allOf"), {"type": "null"}]
        schema["anyOf"].remove({"nullable": True})
    if isinstance(schema.get("x-format"), dict):
        schema["format"] = {"guid": "uuid", "uri": "uri", "isoDate": "date"}[next(iter(schema["x-format"]))]
    if schema.get("type") == "object" and schema.get("properties"):
        schema.setdefault("additionalProperties", False)
    return schema


@cache
def contract() -> list[dict[str, Any]]:
    return [_plain(loads(path.read_text())) for path in DOCUMENTS if path.exists()]


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    for template in sorted(document["paths"], key=lambda one: one.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return document["paths"][template].get(method.lower())
    return None


def check_answer(answer: requests.Response) -> None:
    """Raise if a document knows the question but not this answer."""
    method, path = str(answer.request.method), urlsplit(str(answer.request.url)).path
    operations = [(document, _operation(document, method, path)) for document in contract()]
    known = [(document, operation) for document, operation in operations if operation]
    for document, operation in known or ([] if answer.ok else [(one, {}) for one, _ in operations]):
        _check_answer(answer, document, operation)


def _check_answer(answer: requests.Response, document: dict[str, Any], operation: dict[str, Any]) -> None:
    if answer.status_code == 204:
        assert answer.content == b""
        return
    # Undocumented are only: 400 of some operations, errors of a server in trouble, 401 and 403 of the public
    # locations, and the paths of the command line tool.
    known = operation.get("responses", {}).get(str(answer.status_code))
    assert known or answer.status_code == 400 or answer.status_code >= 500 or not operation
    schema = (
        known["content"]["application/json"]["schema"] if known else {"$ref": "#/components/schemas/ApiError"}
    )
    root = {"components": document["components"], **schema}
    jsonschema.Draft4Validator(root, format_checker=FORMATS).validate(answer.json())


class Client:
    """Speaks to one emulator with its key and account."""

    def __init__(self, emulator: Emulator, **headers: str) -> None:
        self.emulator = emulator
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {emulator.api_key}"
        self.session.headers["X-Checkly-Account"] = emulator.account_id
        self.session.headers.update(headers)

    def ask(self, method: str, path: str, *, checked: bool = True, **kwargs: Any) -> requests.Response:
        answer = self.session.request(method, self.emulator.url + path, timeout=40, **kwargs)
        if checked and not path.startswith("/_emulator"):
            check_answer(answer)
        return answer

    def get(self, path: str, **kwargs: Any) -> requests.Response:
        return self.ask("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> requests.Response:
        return self.ask("POST", path, json=body, **kwargs)

    def trigger(self, target: dict[str, Any], version: str = "v2") -> list[dict[str, Any]]:
        answer = self.post(f"/{version}/check-sessions/trigger", {"target": target})
        assert answer.status_code == 201, answer.text
        return answer.json()["sessions"]

    def start(self, check_id: str) -> str:
        """Start one check and give the id of its session."""
        (session,) = self.trigger({"checkId": [check_id]})
        return session["checkSessionId"]

    def completion(self, session_id: str, seconds: object = 1, version: str = "v2") -> requests.Response:
        return self.get(
            f"/{version}/check-sessions/{session_id}/completion", params={"maxWaitSeconds": seconds}
        )

    def cancel(self, session_id: str, body: Any = None) -> requests.Response:
        return self.post(f"/v1/check-sessions/{session_id}/cancel", body)

    def fleet(self, *numbers: int) -> list[str]:
        return [self.emulator.model.checks[number - 1].id for number in numbers]


Connect = Callable[..., Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Make clients that are closed at the end."""
    clients: list[Client] = []

    def one(emulator: Emulator, **headers: str) -> Client:
        clients.append(Client(emulator, **headers))
        return clients[-1]

    yield one
    for client in clients:
        client.session.close()


@pytest.fixture
def checkly() -> Iterator[Emulator]:
    with Emulator(speed=100) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    """One emulator for the tests of a module that leave nothing behind that others mind."""
    with Emulator(speed=100) as emulator:
        yield emulator


@pytest.fixture
def visitor(shared: Emulator, connect: Connect) -> Client:
    return connect(shared)


@pytest.fixture
def client(checkly: Emulator, connect: Connect) -> Client:
    return connect(checkly)


@pytest.fixture
def documents() -> list[dict[str, Any]]:
    found = contract()
    if len(found) < len(DOCUMENTS):
        pytest.skip(
            f"Checkly's OpenAPI documents are not at hand ({', '.join(path.name for path in DOCUMENTS)})"
        )
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let no warning of the emulator pass, an unclosed socket in particular."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("error"))
