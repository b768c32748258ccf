"""What a test session is ordered with: checked, its secrets looked up, in the shape of Checkly's request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Required, TypedDict, Unpack

from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    BaseHook,
    Variable,
    mask_secret,
)

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import calls
from airflow_provider_checkly.api.errors import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.arguments import Tags

MOST_VARIABLES: Final = 50
RETRIES: Final = ("FIXED", "LINEAR", "EXPONENTIAL", "SINGLE_RETRY")
METADATA: Final = frozenset(
    {"environment", "repoUrl", "commitId", "commitOwner", "commitMessage", "branchName", "github"}
)


class Options(TypedDict, total=False):
    """What a test session can be ordered with.

    `name` and `run_location` (public region, or slug of a private location) are required; `check_ids`,
    `tags` and `all_checks` say which checks, as for check sessions; `allow_deactivated` lets deactivated
    checks match; `environment_variables` and `secret_environment_variables` (which Checkly never shows) reach
    the checks, 50 at most; `retry_strategy` and `metadata` are as in Checkly's API.
    """

    name: Required[str]
    run_location: Required[str]
    check_ids: str | Iterable[str] | None
    tags: Tags | None
    all_checks: bool
    environment_variables: Mapping[str, str]
    secret_environment_variables: Mapping[str, str]
    retry_strategy: JsonObject | None
    metadata: Mapping[str, str]
    allow_deactivated: bool
    refresh_cache: bool


def _variables(value: object, argument: str) -> dict[str, str]:
    """Return environment variables by name; no error shows a value."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{argument} must be a dict of names and values, not {type(value).__name__}.")
    for key, content in value.items():
        if not isinstance(key, str) or not key.strip():
            raise InvalidInput(f"{argument} has an empty name.")
        if not isinstance(content, str) or not content:
            raise InvalidInput(f"{argument}: {key} has no value; it must be a text that is not empty.")
    return dict(value)


def retry_strategy(value: JsonObject | None) -> JsonObject | None:
    """Return a retry strategy.

    :raises InvalidInput: its type is not FIXED, LINEAR, EXPONENTIAL or SINGLE_RETRY.
    """
    if value is not None and (not isinstance(value, dict) or value.get("type") not in RETRIES):
        raise InvalidInput(f"retry_strategy must have a type of {', '.join(RETRIES)}, not {value!r}.")
    return value


def _metadata(value: object) -> JsonObject:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"metadata must be a dict of names and values, not {value!r}.")
    if unknown := sorted(map(str, set(value) - METADATA)):
        raise InvalidInput(f"metadata: {', '.join(unknown)} is none of {', '.join(sorted(METADATA))}.")
    return dict(value)


def _environment(options: Options) -> list[Json]:
    plain = _variables(options.get("environment_variables", {}), "environment_variables")
    secret = _variables(options.get("secret_environment_variables", {}), "secret_environment_variables")
    if both := sorted(set(plain) & set(secret)):
        raise InvalidInput(f"secret_environment_variables and environment_variables both name {both[0]}.")
    if (count := len(plain) + len(secret)) > MOST_VARIABLES:
        raise InvalidInput(
            f"environment_variables: {count} with secret ones; Checkly takes {MOST_VARIABLES}."
        )
    shown: list[Json] = [{"key": key, "value": value} for key, value in plain.items()]
    return shown + [{"key": key, "value": value, "secret": True} for key, value in secret.items()]


def order(**options: Unpack[Options]) -> JsonObject:
    """Return the body of `POST /v1/test-sessions/trigger`, checked.

    :raises InvalidInput: an option cannot work; the error names it, and no value of a secret.
    """
    target = arguments.target(
        options.get("check_ids"), options.get("tags"), all_checks=options.get("all_checks", False)
    )
    optional: JsonObject = {
        "environmentVariables": _environment(options),
        "retryStrategy": retry_strategy(options.get("retry_strategy")),
        "metadata": _metadata(options.get("metadata", {})),
    }
    return {
        "name": arguments.word(options["name"], "name"),
        "runLocation": arguments.word(options["run_location"], "run_location"),
        "target": {
            "allowDeactivated": options.get("allow_deactivated", False),
            **calls.target(target.check_ids, target.tags),
        },
        "refreshCache": options.get("refresh_cache", False),
        **{name: value for name, value in optional.items() if value},
    }


def resolve_secrets(references: Mapping[str, str], argument: str) -> dict[str, str]:
    """Return the values that `variable:NAME` and `connection:CONN_ID` (its password) stand for.

    They are masked in every log.

    :raises InvalidInput: a reference has another form, or stands for nothing.
    """
    return {key: _secret(reference, f"{argument}: {key}") for key, reference in references.items()}


def _secret(reference: str, where: str) -> str:
    kind, _, name = str(reference).partition(":")
    if kind not in {"variable", "connection"} or not name:
        raise InvalidInput(
            f"{where} must refer to a secret as 'variable:NAME' or 'connection:CONN_ID' (its password), "
            f"so that no secret stands in the DAG file."
        )
    try:
        value = Variable.get(name, None) if kind == "variable" else BaseHook.get_connection(name).password
    except AirflowNotFoundException:
        value = None
    if not value:
        raise InvalidInput(f"{where} refers to {kind} {name!r}, which holds no value.")
    mask_secret(value)
    return str(value)
