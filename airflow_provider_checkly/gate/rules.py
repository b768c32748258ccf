"""The rules of a gate: which outcomes of checks let a task pass."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import models
from airflow_provider_checkly.exceptions import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

ALL: Final = 100


@dataclass(frozen=True)
class Gate:
    """When a task passes: argument `gate` of operators and sensors, instead of `fail_on`.

    Only final results count, not the attempts before them. The status of a check session is Checkly's, over
    all its locations. A rule whose data is missing is not met. Failing checks of `warn_only` and
    `warn_only_tags` break no rule and are not counted.

    :param fail_on: the statuses that fail a check, from FAILED, TIMED_OUT, CANCELLED (these three by default)
        and DEGRADED.
    :param min_passed_percent: how many of the checks must pass, from 0 to 100; all by default.
    :param max_failed: how many checks may fail; excludes `min_passed_percent`.
    :param max_response_time: limit in milliseconds for the final result of each location.
    :param warn_only: ids or names of checks whose failure only warns.
    :param warn_only_tags: tags of such checks. The tags of failing checks are looked up at Checkly; tags of
        their groups do not count.
    :raises InvalidInput: a rule cannot work or contradicts another.
    """

    fail_on: str | Iterable[str] | None = None
    min_passed_percent: float | None = None
    max_failed: int | None = None
    max_response_time: float | None = None
    warn_only: str | Iterable[str] = ()
    warn_only_tags: str | Iterable[str] = ()

    def __post_init__(self) -> None:
        if self.fail_on is not None:
            self._set("fail_on", sorted(arguments.fail_on(self.fail_on)))
        self._set("warn_only", _names(self.warn_only, "warn_only"))
        self._set("warn_only_tags", _names(self.warn_only_tags, "warn_only_tags"))
        percent, failed, limit = self.min_passed_percent, self.max_failed, self.max_response_time
        _check("min_passed_percent", percent, lambda n: 0 <= n <= ALL, "a number from 0 to 100")
        _check("max_failed", failed, lambda n: n >= 0 and isinstance(n, int), "a whole number, 0 or more")
        _check("max_response_time", limit, lambda n: 0 < n < models.MAX_MILLISECONDS, "milliseconds above 0")
        self._refuse_contradictions()

    def _set(self, field: str, words: Iterable[str]) -> None:
        """Keep words in one order: a DAG must be serialized the same each time it is parsed."""
        object.__setattr__(self, field, tuple(words))

    def _refuse_contradictions(self) -> None:
        if self.min_passed_percent is not None and self.max_failed is not None:
            raise InvalidInput(
                f"min_passed_percent={self.min_passed_percent} and max_failed={self.max_failed} "
                f"exclude each other; set one of them."
            )
        if self.tolerant and not self.statuses:
            raise InvalidInput("min_passed_percent and max_failed need a status in fail_on.")
        if (self.warn_only or self.warn_only_tags) and not self.statuses and self.max_response_time is None:
            raise InvalidInput("warn_only and warn_only_tags need fail_on or max_response_time.")

    @property
    def statuses(self) -> frozenset[str]:
        """The statuses that fail a check."""
        return arguments.FAIL_ON if self.fail_on is None else frozenset(self.fail_on)

    @property
    def tolerant(self) -> bool:
        """Whether some checks may fail."""
        return self.min_passed_percent is not None or self.max_failed is not None

    @property
    def is_strict(self) -> bool:
        """Whether any failing status fails the gate."""
        return not (self.tolerant or self.warn_only or self.warn_only_tags)

    def allows(self, failed: int, counted: int) -> bool:
        """Return whether `failed` of `counted` checks may fail."""
        if self.max_failed is not None:
            return failed <= self.max_failed
        passed = (counted - failed) * ALL
        needed = counted * (ALL if self.min_passed_percent is None else self.min_passed_percent)
        return passed >= needed or math.isclose(passed, needed)  # 0.1 is not exact

    def only_warns(self, check_id: str, name: str, tags: Collection[str] = ()) -> bool:
        """Return whether the failure of a check is only a warning; a UUID is never treated as a name."""
        is_named = any(_means(entry, check_id, name) for entry in self.warn_only)
        return is_named or not set(self.warn_only_tags).isdisjoint(tags)

    def unmatched(self, checks: Iterable[tuple[str, str]]) -> list[str]:
        """Return the entries of `warn_only` that mean none of these checks.

        :param checks: id and name.
        """
        known = list(checks)
        return [entry for entry in self.warn_only if not any(_means(entry, *check) for check in known)]


def _means(entry: str, check_id: str, name: str) -> bool:
    """Return whether an entry of `warn_only` is the id or the exact name of a check.

    How accents are encoded does not matter, since editors differ in that.
    """
    if models.UUID.fullmatch(entry):
        return entry.lower() == check_id
    return unicodedata.normalize("NFC", entry) == unicodedata.normalize("NFC", name.strip())


def resolve(gate: Gate | None, fail_on: str | Iterable[str] | None) -> Gate:
    """Return the gate of an operator or sensor.

    :raises InvalidInput: both `gate` and `fail_on` are given, or `gate` is not a Gate.
    """
    if gate is None:
        return Gate(fail_on)
    if not isinstance(gate, Gate):
        raise InvalidInput(f"gate must be a Gate, not {gate!r}.")
    if fail_on is not None:
        raise InvalidInput(f"gate and fail_on={fail_on!r} exclude each other; use Gate(fail_on=...).")
    return gate


def _names(value: object, argument: str) -> list[str]:
    names = [value] if isinstance(value, str | UUID) else value
    if not isinstance(names, Iterable) or isinstance(names, bytes | dict):
        raise InvalidInput(f"{argument} must be a string or a list of strings, not {value!r}.")
    return sorted({arguments.word(name, argument) for name in names})


def _check(argument: str, value: float | None, fits: Callable[[float], bool], wanted: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and fits(value)):
        raise InvalidInput(f"{argument} must be {wanted}, not {value!r}.")
