"""Options of a test session: checked, secrets resolved, in the shape of Checkly's request body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Required, TypedDict, Unpack

from airflow.providers.common.compat.sdk import (
    AirflowNotFoundException,
    BaseHook,
    Variable,
    mask_secret,
)

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import endpoints
from airflow_provider_checkly.exceptions import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_checkly.api.http import Json, JsonObject
    from airflow_provider_checkly.arguments import Tags, Target

MAX_VARIABLES: Final = 50
RETRY_TYPES: Final = ("FIXED", "LINEAR", "EXPONENTIAL", "SINGLE_RETRY")
METADATA_FIELDS: Final = frozenset(
    {"environment", "repoUrl", "commitId", "commitOwner", "commitMessage", "branchName", "github"}
)


class TestSessionOptions(TypedDict, total=False):
    """The options of a test session.

    `name` and `run_location` (a public region, or the slug of a private location) are required; `check_ids`,
    `tags` and `all_checks` select the checks, as for check sessions; `allow_deactivated` includes deactivated
    checks; the checks receive `environment_variables` and `secret_environment_variables` (which Checkly never
    shows), at most 50; `retry_strategy` and `metadata` are those of Checkly's API.
    """

    name: Required[str]
    run_location: Required[str]
    check_ids: str | Iterable[str] | None
    tags: Tags | None
    all_checks: bool
    environment_variables: Mapping[str, str]
    secret_environment_variables: Mapping[str, str]
    retry_strategy: Mapping[str, Any] | None
    metadata: Mapping[str, Any]
    allow_deactivated: bool
    refresh_cache: bool


def _variables(value: object, argument: str) -> dict[str, str]:
    """Return environment variables by name; numbers and booleans become text; no error shows a value."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{argument} must be a dict of names and values, not {type(value).__name__}.")
    found: dict[str, str] = {}
    for key, content in value.items():
        if (name := arguments.plain_text(key)) is None:
            raise InvalidInput(f"{argument}: the name {key!r} is not a string.")
        if not (name := name.strip()):
            raise InvalidInput(f"{argument} has an empty name.")
        if not (text := arguments.plain_text(content)):
            kind = type(content).__name__ if text is None else "an empty string"
            raise InvalidInput(f"{argument}: the value of {name} is {kind}. A non-empty string is required.")
        found[name] = text
    return found


def checked_strategy(value: Mapping[str, Any] | None) -> JsonObject | None:
    """Return a retry strategy.

    :raises InvalidInput: its type is not FIXED, LINEAR, EXPONENTIAL or SINGLE_RETRY, or it is not JSON.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping) or value.get("type") not in RETRY_TYPES:
        raise InvalidInput(f"retry_strategy must have a type of {', '.join(RETRY_TYPES)}, not {value!r}.")
    return _json_object(value, "retry_strategy")


def _metadata(value: object) -> JsonObject:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"metadata must be a dict of names and values, not {value!r}.")
    if unknown := sorted(map(str, set(value) - METADATA_FIELDS)):
        raise InvalidInput(
            f"metadata: {', '.join(unknown)} is not one of {', '.join(sorted(METADATA_FIELDS))}."
        )
    return {key: _metadata_value(key, each) for key, each in value.items() if each is not None}


def _metadata_value(field: str, value: object) -> Json:
    if isinstance(value, Mapping):
        return _json_object(value, f"metadata: {field}")
    if (text := arguments.plain_text(value)) is None:
        raise InvalidInput(f"metadata: the value of {field} is {type(value).__name__}. A string is required.")
    return text


def _json_object(value: Mapping[str, Any], argument: str) -> JsonObject:
    """Return a dict as it is sent.

    :raises InvalidInput: it cannot be sent as JSON.
    """
    try:
        found: JsonObject = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{argument} cannot be sent as JSON: {error}. Use strings, numbers, booleans, lists and dicts."
        ) from None
    return found


def _environment(options: TestSessionOptions) -> list[Json]:
    plain = _variables(options.get("environment_variables", {}), "environment_variables")
    secret = _variables(options.get("secret_environment_variables", {}), "secret_environment_variables")
    if both := sorted(set(plain) & set(secret)):
        raise InvalidInput(f"environment_variables and secret_environment_variables both set {both[0]}.")
    if (count := len(plain) + len(secret)) > MAX_VARIABLES:
        raise InvalidInput(
            f"environment_variables: {count} including secret ones; Checkly accepts {MAX_VARIABLES}."
        )
    shown: list[Json] = [{"key": key, "value": value} for key, value in plain.items()]
    return shown + [{"key": key, "value": value, "secret": True} for key, value in secret.items()]


def selected_checks(options: TestSessionOptions) -> Target:
    """Return which checks the options select."""
    return arguments.target(
        options.get("check_ids"), options.get("tags"), all_checks=options.get("all_checks", False)
    )


def build_trigger_body(**options: Unpack[TestSessionOptions]) -> JsonObject:
    """Return the body of `POST /v1/test-sessions/trigger`.

    :raises InvalidInput: an option cannot work; the error names it, but no secret value.
    """
    target = selected_checks(options)
    optional: JsonObject = {
        "environmentVariables": _environment(options),
        "retryStrategy": checked_strategy(options.get("retry_strategy")),
        "metadata": _metadata(options.get("metadata", {})),
    }
    return {
        "name": arguments.word(options["name"], "name"),
        "runLocation": arguments.word(options["run_location"], "run_location"),
        "target": {
            "allowDeactivated": options.get("allow_deactivated", False),
            **endpoints.target(target.check_ids, target.tags),
        },
        "refreshCache": options.get("refresh_cache", False),
        **{name: value for name, value in optional.items() if value},
    }


def resolve_secrets(references: Mapping[str, str], argument: str) -> dict[str, str]:
    """Return the values behind `variable:NAME` and `connection:CONN_ID` (its password), masked in all logs.

    :raises InvalidInput: a reference has another form, or refers to nothing.
    """
    return {key: _secret(reference, f"{argument}: {key}") for key, reference in references.items()}


def _secret(reference: str, where: str) -> str:
    kind, _, name = str(reference).partition(":")
    if kind not in {"variable", "connection"} or not name:
        raise InvalidInput(
            f"{where} must be 'variable:NAME' or 'connection:CONN_ID' (for its password), "
            f"so that the DAG file contains no secret."
        )
    try:
        value = Variable.get(name, None) if kind == "variable" else BaseHook.get_connection(name).password
    except AirflowNotFoundException:
        value = None
    if not value:
        raise InvalidInput(f"{where} refers to {kind} {name!r}, which has no value.")
    mask_secret(value)
    return str(value)
