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


def test_own_key_and_account(connect: Any) -> None:
    account_id = str(uuid4())
    with Emulator(api_key="it's mine", account_id=account_id.upper()) as checkly:
        client = connect(checkly, **{"X-Checkly-Account": account_id.upper()})
        assert client.get("/v1/accounts/me").json()["id"] == account_id
