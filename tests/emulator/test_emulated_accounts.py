from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from airflow_provider_checkly.emulator import Emulator

PLACES = ["/v1/accounts/me", "/v1/accounts/{account}", "/next/accounts/{account}", "/next/users/me"]


@pytest.mark.parametrize("path", ["/v1/accounts", *PLACES])
def test_who_am_i(client: Any, path: str) -> None:
    answer = client.get(path.format(account=client.emulator.account_id))
    assert answer.status_code == 200
    known = answer.json()[0] if path == "/v1/accounts" else answer.json()
    assert known["name"] == ("Emulator" if "users" in path else "Checkly emulator")


@pytest.mark.parametrize("path", [*PLACES, "/v1/accounts", f"/v2/check-sessions/{uuid4()}", "/v1/nothing"])
@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Basic cu_emulator", "cu_emulator", "Bearer ", "Bearer schl\u00fcssel", None]
)
def test_a_wrong_key_is_401(client: Any, path: str, header: str | None) -> None:
    client.session.headers["Authorization"] = header and header.encode()
    answer = client.get(path.format(account=client.emulator.account_id))
    assert answer.status_code == 401
    assert answer.json() == {"statusCode": 401, "error": "Unauthorized", "message": "Bad Token"}


@pytest.mark.parametrize("path", [*PLACES, f"/v2/check-sessions/{uuid4()}"])
@pytest.mark.parametrize("account", [str(uuid4()), "x", None])
def test_a_foreign_or_missing_account_is_403(client: Any, path: str, account: str | None) -> None:
    client.session.headers["X-Checkly-Account"] = account
    answer = client.get(path.format(account=client.emulator.account_id))
    assert answer.status_code == 403
    assert answer.json() == {"statusCode": 403, "error": "Forbidden", "message": "Forbidden"}


@pytest.mark.parametrize(("account", "status"), [(None, 200), (str(uuid4()), 403)])
def test_a_key_may_list_its_accounts_without_naming_one(
    client: Any, account: str | None, status: int
) -> None:
    client.session.headers["X-Checkly-Account"] = account
    assert client.get("/v1/accounts").status_code == status


def test_another_account_is_404(client: Any) -> None:
    assert client.get(f"/v1/accounts/{uuid4()}").status_code == 404


RUN = [
    ("POST", "/v1/check-sessions/trigger"),
    ("POST", "/v2/check-sessions/trigger"),
    ("POST", f"/v1/check-sessions/{uuid4()}/cancel"),
    ("POST", "/v1/test-sessions/trigger"),
    ("POST", "/next/test-sessions/trigger"),
    ("POST", f"/v1/test-sessions/{uuid4()}/cancel"),
    ("POST", f"/v1/root-cause-analyses/error-groups/{uuid4()}"),
]
WRITE = [
    ("POST", "/v1/maintenance-windows"),
    ("PUT", "/v1/maintenance-windows/1"),
    ("DELETE", "/v1/maintenance-windows/1"),
    ("PATCH", f"/v1/error-groups/{uuid4()}"),
]
READ = [
    ("GET", path) for path in ("/v1/checks", "/v1/check-statuses", "/v1/maintenance-windows", "/v1/accounts")
]


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("read_only", READ), ("read_and_run", READ + RUN), ("read_and_write", READ + RUN + WRITE)],
)
def test_roles_of_keys(connect: Any, role: Any, allowed: list[tuple[str, str]]) -> None:
    with Emulator(keys={"cu_other": role}) as checkly:
        client = connect(checkly, Authorization="Bearer cu_other")
        for method, path in READ + RUN + WRITE:
            answer = client.ask(method, path, json=None if method == "GET" else [], checked=False)
            assert (answer.status_code == 403) == ((method, path) not in allowed), (method, path)
        assert connect(checkly).post("/v1/maintenance-windows", []).status_code == 400


def test_a_role_can_change(client: Any) -> None:
    client.emulator.keys[client.emulator.api_key] = "read_only"
    assert client.post("/v2/check-sessions/trigger", {}).status_code == 403
    assert client.emulator.sessions == ()
    client.emulator.keys[client.emulator.api_key] = "read_and_run"
    assert client.post("/v2/check-sessions/trigger", {}).status_code == 201


def test_own_key_and_account(connect: Any) -> None:
    account_id = str(uuid4())
    with Emulator(api_key="it's mine", account_id=account_id.upper()) as checkly:
        client = connect(checkly, **{"X-Checkly-Account": account_id.upper()})
        assert client.get("/v1/accounts/me").json()["id"] == account_id
