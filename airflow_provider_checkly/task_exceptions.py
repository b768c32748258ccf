"""Errors as they leave a task.

Airflow decides by class whether a task is retried. An error that a retry cannot fix therefore leaves the
task as a class of the same name that is an `AirflowFailException` as well. A callback can still tell errors
apart: `isinstance(context["exception"], ChecksFailed)`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)

from airflow_provider_checkly import exceptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_checkly.exceptions import ChecklyError


class InvalidInput(exceptions.InvalidInput, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.InvalidInput`."""


class ChecklyRefused(exceptions.ChecklyRefused, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecklyRefused`."""


class ChecklyAuthError(exceptions.ChecklyAuthError, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecklyAuthError`."""


class ChecklyPlanLimit(exceptions.ChecklyPlanLimit, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecklyPlanLimit`."""


class ChecklyNotFound(exceptions.ChecklyNotFound, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecklyNotFound`."""


class NoMatchingChecks(exceptions.NoMatchingChecks, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.NoMatchingChecks`."""


class ChecklyUnreadable(exceptions.ChecklyUnreadable, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecklyUnreadable`."""


class ChecksNotRun(exceptions.ChecksNotRun, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecksNotRun`."""


class ChecksFailed(exceptions.ChecksFailed, AirflowFailException):
    """See :class:`airflow_provider_checkly.exceptions.ChecksFailed`."""


class SensorTimedOut(exceptions.ChecksTimedOut, AirflowSensorTimeout):
    """A sensor's timeout, which Airflow does not retry."""


NOT_RETRIED: Final[dict[type[ChecklyError], type[ChecklyError]]] = {
    exceptions.InvalidInput: InvalidInput,
    exceptions.ChecklyRefused: ChecklyRefused,
    exceptions.ChecklyAuthError: ChecklyAuthError,
    exceptions.ChecklyPlanLimit: ChecklyPlanLimit,
    exceptions.ChecklyNotFound: ChecklyNotFound,
    exceptions.NoMatchingChecks: NoMatchingChecks,
    exceptions.ChecklyUnreadable: ChecklyUnreadable,
    exceptions.ChecksNotRun: ChecksNotRun,
    exceptions.ChecksFailed: ChecksFailed,
    exceptions.ChecksTimedOut: SensorTimedOut,
}


def to_airflow_exception(error: ChecklyError, *, skip: bool, retry: bool) -> Exception:
    """Return the exception that leaves a task.

    :param skip: whether the task skips instead of failing.
    :param retry: whether Airflow may retry the task.
    """
    if skip:
        return AirflowSkipException(str(error))
    if retry or type(error) not in NOT_RETRIED:
        return error
    twin = NOT_RETRIED[type(error)](*error.args)
    twin.__dict__.update(error.__dict__)
    return twin


@contextmanager
def as_airflow_exceptions() -> Iterator[None]:
    """Raise the errors of a task that has no gate as Airflow should handle them."""
    try:
        yield
    except exceptions.ChecklyError as error:
        leaving = to_airflow_exception(error, skip=False, retry=not error.permanent)
        raise leaving.with_traceback(error.__traceback__) from error.__cause__
