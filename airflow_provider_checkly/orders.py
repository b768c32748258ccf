"""What a test session is ordered with: checked, and in the shape of Checkly's request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Required, TypedDict, Unpack

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api.errors import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_checkly.api.wire import Json, JsonObject
    from airflow_provider_checkly.arguments import Tags, Target

MOST_VARIABLES: Final = 50
RETRIES: Final = ("FIXED", "LINEAR", "EXPONENTIAL", "SINGLE_RETRY")
METADATA: Final = frozenset(
    {"environment", "repoUrl", "commitId", "commitOwner", "commitMessage", "branchName", "github"}
)


@dataclass(frozen=True, slots=True)
class Order:
    """A test session to run.

    :param secrets: environment variables that Checkly never shows; hidden in `repr`.
    :param retry_strategy: as in Checkly's API, e.g. `{"type": "FIXED", "maxRetries": 2}`.
    """

    target: Target
    name: str
    run_location: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    retry_strategy: JsonObject | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    allow_deactivated: bool = False
    refresh_cache: bool = False

    def body(self) -> JsonObject:
        """Return the body of `POST /v1/test-sessions/trigger`."""
        target: JsonObject = {"allowDeactivated": self.allow_deactivated}
        if self.target.check_ids:
            target["checkId"] = list(self.target.check_ids)
        if self.target.tags:
            target["matchTags"] = [list(group) for group in self.target.tags]
        optional: JsonObject = {
            "environmentVariables": self._variables(),
            "retryStrategy": self.retry_strategy,
            "metadata": dict(self.metadata),
        }
        return {
            "name": self.name,
            "runLocation": self.run_location,
            "target": target,
            "refreshCache": self.refresh_cache,
            **{name: value for name, value in optional.items() if value},
        }

    def _variables(self) -> list[Json]:
        plain: list[Json] = [{"key": key, "value": value} for key, value in self.variables.items()]
        secret: list[Json] = [
            {"key": key, "value": value, "secret": True} for key, value in self.secrets.items()
        ]
        return plain + secret


def text(value: object, argument: str) -> str:
    """Return a text that says something.

    :raises InvalidInput: it is empty, or what a template renders nothing to.
    """
    if isinstance(value, str) and value.strip() not in {"", "None"}:
        return value.strip()
    raise InvalidInput(f"{argument} must be a text, not {value!r}; did a template render to nothing?")


def variables(value: object, argument: str) -> dict[str, str]:
    """Return environment variables by name.

    :raises InvalidInput: a name is empty, or a value is no text.
    """
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


def metadata(value: object) -> dict[str, str]:
    """Return metadata.

    :raises InvalidInput: Checkly knows no such field.
    """
    if not isinstance(value, Mapping) or (unknown := sorted(map(str, set(value) - METADATA))):
        named = f"{', '.join(unknown)}" if isinstance(value, Mapping) else repr(value)
        raise InvalidInput(f"metadata: {named} is none of {', '.join(sorted(METADATA))}.")
    return dict(value)


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


def order(**options: Unpack[Options]) -> Order:
    """Return a checked order.

    :raises InvalidInput: an option cannot work; the error names it, and no value of a secret.
    """
    plain = variables(options.get("environment_variables", {}), "environment_variables")
    secret = variables(options.get("secret_environment_variables", {}), "secret_environment_variables")
    if both := sorted(set(plain) & set(secret)):
        raise InvalidInput(f"secret_environment_variables and environment_variables both name {both[0]}.")
    if len(plain) + len(secret) > MOST_VARIABLES:
        raise InvalidInput(
            f"environment_variables: {len(plain) + len(secret)} with secret ones; "
            f"Checkly takes {MOST_VARIABLES}."
        )
    all_checks = options.get("all_checks", False)
    return Order(
        target=arguments.target(options.get("check_ids"), options.get("tags"), all_checks=all_checks),
        name=text(options["name"], "name"),
        run_location=text(options["run_location"], "run_location"),
        variables=plain,
        secrets=secret,
        retry_strategy=retry_strategy(options.get("retry_strategy")),
        metadata=metadata(options.get("metadata", {})),
        allow_deactivated=options.get("allow_deactivated", False),
        refresh_cache=options.get("refresh_cache", False),
    )
