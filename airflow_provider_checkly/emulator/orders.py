"""What a trigger of a test session asks for: checks, a place, variables, retries; read from the request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow_provider_checkly.emulator.answers import Problem
from airflow_provider_checkly.emulator.fields import Fields
from airflow_provider_checkly.emulator.targets import Target, parse_target

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from airflow_provider_checkly.emulator.checks import JSON, Check

Provider: TypeAlias = Literal["API", "TRIGGER"]
MOST_VARIABLES: Final = 50
MANY_RETRIES: Final = ("FIXED", "LINEAR", "EXPONENTIAL")
TEXTS: Final = ("repoUrl", "commitId", "commitOwner", "commitMessage", "branchName")
GITHUB_TEXTS: Final = (
    "repository",
    "sha",
    "runId",
    "runAttempt",
    "workflow",
    "job",
    "eventName",
    "ref",
    "headRef",
    "baseRef",
    "serverUrl",
)


@dataclass(frozen=True)
class Variable:
    """An environment variable of a test session; its value is not shown by `repr`."""

    key: str
    value: JSON = field(repr=False)
    secret: bool = False
    locked: bool = False


@dataclass(frozen=True)
class Order:
    """A test session to be.

    `retries` None leaves each check its own; `provider` says by which door it came.
    """

    name: str
    location: str
    target: Target
    variables: tuple[Variable, ...] = ()
    retries: int | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    provider: Provider = "API"

    def applied(self, check: Check) -> Check:
        """Give the check as it runs in this session: here, and with these retries."""
        here = replace(check, locations=(self.location,))
        if self.retries is None:
            return here
        if check.outcome == "failed":
            return replace(here, attempts=self.retries)
        if check.attempts > self.retries:
            return replace(here, attempts=self.retries, outcome="failed")
        return here


def parse_order(body: JSON, locations: Container[str], provider: Provider = "API") -> Order:
    """Read the body of `POST /v1/test-sessions/trigger`; whatever is wrong is a 400."""
    fields = Fields(body)
    name = fields.needed("name")
    location = fields.needed("runLocation")
    if location not in locations:
        raise Problem(400, '"runLocation" must be a public region or the slug of a private location.')
    variables = fields.items("environmentVariables", MOST_VARIABLES)
    return Order(
        name,
        location,
        _target(fields),
        tuple(_variable(entry, number) for number, entry in enumerate(variables)),
        _retries(fields),
        _metadata(fields.inner("metadata")),
        provider,
    )


def parse_cli_order(body: JSON, locations: Container[str]) -> Order:
    """Read the body that the official command line tool sends to `POST /next/test-sessions/trigger`."""
    fields = Fields(body)
    place = fields.values.get("runLocation")
    if isinstance(place, dict):
        place = place.get("region", place.get("slugName"))
    target = {"matchTags": fields.values.get("targetTags", []), "checkId": fields.values.get("checkId", [])}
    repository = fields.values.get("repoInfo")
    environment = fields.values.get("environment")
    metadata = {
        **(repository if isinstance(repository, dict) else {}),
        **({"environment": environment} if environment else {}),
    }
    told: dict[str, JSON] = {"target": target, "runLocation": place, "metadata": metadata}
    retries = {"retryStrategy": fields.values.get("testRetryStrategy")}
    return parse_order({**fields.values, **told, **retries}, locations, "TRIGGER")


def _target(fields: Fields) -> Target:
    target = parse_target(fields.values, single=False)
    if target.tags is not None and not all(tag for group in target.tags for tag in group):
        raise Problem(400, '"target.matchTags" must have no empty tag.')
    chosen = fields.inner("target")
    return replace(target, deactivated=chosen is not None and chosen.flag("allowDeactivated"))


def _variable(entry: JSON, number: int) -> Variable:
    """Read a variable; only a secret one may have a value that is no text."""
    fields = Fields(entry, f"environmentVariables.{number}")
    key = fields.needed("key")
    locked, secret = fields.flag("locked"), fields.flag("secret")
    value = fields.given("value")
    if not secret and value is not None and (not isinstance(value, str) or not value):
        raise fields.bad("value", "be null or a string that is not empty")
    return Variable(key, value, secret, locked)


def _retries(fields: Fields) -> int | None:
    """Read how often a check is retried: null is never; nothing here fails for the network's sake."""
    if "retryStrategy" not in fields.values:
        return None
    if fields.values["retryStrategy"] is None:
        return 0
    strategy = Fields(fields.values["retryStrategy"], "retryStrategy")
    kind = strategy.word("type", (*MANY_RETRIES, "SINGLE_RETRY"))
    strategy.number("baseBackoffSeconds", 60)
    strategy.flag("sameRegion")
    reasons = strategy.items("onlyOn")
    if not all(reason == "NETWORK_ERROR" for reason in reasons):
        raise strategy.bad("onlyOn", "be an array of NETWORK_ERROR")
    most = 1 if kind == "SINGLE_RETRY" else int(strategy.number("maxRetries", 2, 1, 10))
    if kind in MANY_RETRIES:
        strategy.number("maxDurationSeconds", 600, 0, 600)
    return 0 if reasons else most


def _metadata(fields: Fields | None) -> dict[str, JSON]:
    """Read the metadata, which is shown as it came."""
    if fields is None:
        return {}
    if "environment" in fields.values:
        fields.needed("environment")
    for name in TEXTS:
        fields.text(name)
    github = fields.inner("github")
    if github is not None:
        github.flag("reporting", required=True)
        for name in GITHUB_TEXTS:
            github.text(name)
    known: dict[str, JSON] = {
        name: fields.values[name] for name in ("environment", *TEXTS) if name in fields.values
    }
    return known if github is None else {**known, "github": github.values}
