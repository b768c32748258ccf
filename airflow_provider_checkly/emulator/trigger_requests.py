"""What a trigger asks for: which checks, and for a test session also where and how; read from the request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from airflow_provider_checkly.emulator.http import JSON, Fields, Problem, is_uuid

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from airflow_provider_checkly.emulator.checks import Check

Provider: TypeAlias = Literal["API", "TRIGGER"]
MAX_VARIABLES: Final = 50
REPEATED_RETRIES: Final = ("FIXED", "LINEAR", "EXPONENTIAL")
METADATA_TEXTS: Final = ("repoUrl", "commitId", "commitOwner", "commitMessage", "branchName")
GITHUB_TEXTS: Final = (
    *("repository", "sha", "runId", "runAttempt", "workflow", "job", "eventName"),
    *("ref", "headRef", "baseRef", "serverUrl"),
)


@dataclass(frozen=True)
class Target:
    """The checks that a trigger selects: tags (OR of AND groups, `!` negates) and ids; both must match.

    None means that the filter is absent; `deactivated` includes deactivated checks.
    """

    tags: tuple[tuple[str, ...], ...] | None = None
    ids: frozenset[str] | None = None
    deactivated: bool = False

    def select(self, checks: Iterable[Check]) -> list[Check]:
        """Return the eligible checks that match; unknown ids are ignored."""
        return [check for check in checks if self._admits(check) and self._matches(check)]

    def _admits(self, check: Check) -> bool:
        return check.eligible or (self.deactivated and check.type.runs)

    def _matches(self, check: Check) -> bool:
        tagged = self.tags is None or any(_has_all(check, group) for group in self.tags)
        return tagged and (self.ids is None or check.id in self.ids)


def _has_all(check: Check, group: tuple[str, ...]) -> bool:
    own = {*check.tags, *check.groupTags}
    return all((tag[1:] not in own) if tag.startswith("!") else (tag in own) for tag in group)


def parse_target(body: JSON, *, single: bool) -> Target:
    """Return the target of a trigger's body.

    `single` is for v1, which also takes one value for a list, and no body at all.
    """
    if body is None and single:
        return Target()
    fields = Fields(body)
    fields.flag("refreshCache")
    target = fields.inner("target")
    if target is None:
        return Target()
    return Target(
        tags=_tags(target.values["matchTags"], single=single) if "matchTags" in target.values else None,
        ids=_ids(target.values["checkId"], single=single) if "checkId" in target.values else None,
    )


def _listed(value: JSON, *, single: bool) -> JSON:
    return [value] if single and isinstance(value, str) else value


def _tags(value: JSON, *, single: bool) -> tuple[tuple[str, ...], ...] | None:
    """Return tag groups; an empty list filters nothing, which Checkly's documents leave open."""
    groups = _listed(value, single=single)
    if not isinstance(groups, list):
        raise Problem(400, '"target.matchTags" must be an array.')
    return tuple(_group(_listed(group, single=single)) for group in groups) or None


def _group(value: JSON) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise Problem(400, '"target.matchTags" must be an array of arrays of strings.')
    return tuple(cast("list[str]", value))


def _ids(value: JSON, *, single: bool) -> frozenset[str] | None:
    ids = _listed(value, single=single)
    if not isinstance(ids, list) or not all(is_uuid(one) for one in ids):
        raise Problem(400, '"target.checkId" must be an array of valid GUIDs.')
    return frozenset(one.lower() for one in cast("list[str]", ids)) or None


@dataclass(frozen=True)
class Variable:
    """An environment variable of a test session; `repr` hides its value."""

    key: str
    value: JSON = field(repr=False)
    secret: bool = False
    locked: bool = False


@dataclass(frozen=True)
class TriggerRequest:
    """A test session as it was requested.

    `retries` None leaves each check its own; `provider` is TRIGGER for the command line tool, else API.
    """

    name: str
    location: str
    target: Target
    variables: tuple[Variable, ...] = ()
    retries: int | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)
    provider: Provider = "API"

    def applied(self, check: Check) -> Check:
        """Return the check as it runs in this session: at its location, with its retries."""
        here = replace(check, locations=(self.location,))
        if self.retries is None:
            return here
        if check.outcome == "failed":
            return replace(here, attempts=self.retries)
        if check.attempts > self.retries:
            return replace(here, attempts=self.retries, outcome="failed")
        return here


def parse_request(body: JSON, locations: Container[str], provider: Provider = "API") -> TriggerRequest:
    """Read the body of `POST /v1/test-sessions/trigger`; whatever is wrong is a 400."""
    fields = Fields(body)
    name = fields.required_text("name")
    location = fields.required_text("runLocation")
    if location not in locations:
        raise Problem(400, '"runLocation" must be a public region or the slug of a private location.')
    variables = fields.items("environmentVariables", MAX_VARIABLES)
    return TriggerRequest(
        name,
        location,
        _test_target(fields),
        tuple(_variable(entry, number) for number, entry in enumerate(variables)),
        _retries(fields),
        _metadata(fields.inner("metadata")),
        provider,
    )


def parse_cli_request(body: JSON, locations: Container[str]) -> TriggerRequest:
    """Read the body that the official command line tool sends to `POST /next/test-sessions/trigger`."""
    values = Fields(body).values
    location = values.get("runLocation")
    if isinstance(location, dict):
        location = location.get("region", location.get("slugName"))
    repository, environment = values.get("repoInfo"), values.get("environment")
    metadata = {
        **(repository if isinstance(repository, dict) else {}),
        **({"environment": environment} if environment else {}),
    }
    translated: dict[str, JSON] = {
        "target": {"matchTags": values.get("targetTags", []), "checkId": values.get("checkId", [])},
        "runLocation": location,
        "metadata": metadata,
        "retryStrategy": values.get("testRetryStrategy"),
    }
    return parse_request({**values, **translated}, locations, "TRIGGER")


def _test_target(fields: Fields) -> Target:
    target = parse_target(fields.values, single=False)
    if target.tags is not None and not all(tag for group in target.tags for tag in group):
        raise Problem(400, '"target.matchTags" must have no empty tag.')
    selected = fields.inner("target")
    return replace(target, deactivated=selected is not None and selected.flag("allowDeactivated"))


def _variable(entry: JSON, number: int) -> Variable:
    """Read a variable; only a secret one may have a value that is not a string."""
    fields = Fields(entry, f"environmentVariables.{number}")
    key = fields.required_text("key")
    locked, secret = fields.flag("locked"), fields.flag("secret")
    value = fields.required("value")
    if not secret and value is not None and (not isinstance(value, str) or not value):
        raise fields.bad("value", "be null or a string that is not empty")
    return Variable(key, value, secret, locked)


def _retries(fields: Fields) -> int | None:
    """Read how often a check is retried; null is never. No check of the emulator has a network error."""
    if "retryStrategy" not in fields.values:
        return None
    if fields.values["retryStrategy"] is None:
        return 0
    strategy = Fields(fields.values["retryStrategy"], "retryStrategy")
    kind = strategy.word("type", (*REPEATED_RETRIES, "SINGLE_RETRY"))
    strategy.number("baseBackoffSeconds", 60)
    strategy.flag("sameRegion")
    reasons = strategy.items("onlyOn")
    if not all(reason == "NETWORK_ERROR" for reason in reasons):
        raise strategy.bad("onlyOn", "be an array of NETWORK_ERROR")
    retries = 1 if kind == "SINGLE_RETRY" else int(strategy.number("maxRetries", 2, 1, 10))
    if kind in REPEATED_RETRIES:
        strategy.number("maxDurationSeconds", 600, 0, 600)
    return 0 if reasons else retries


def _metadata(fields: Fields | None) -> dict[str, JSON]:
    """Return the known metadata, unchanged."""
    if fields is None:
        return {}
    if "environment" in fields.values:
        fields.required_text("environment")
    for name in METADATA_TEXTS:
        fields.text(name)
    github = fields.inner("github")
    if github is not None:
        github.flag("reporting", required=True)
        for name in GITHUB_TEXTS:
            github.text(name)
    names = ("environment", *METADATA_TEXTS)
    known: dict[str, JSON] = {name: fields.values[name] for name in names if name in fields.values}
    return known if github is None else {**known, "github": github.values}
