"""Sensors that wait for sessions started elsewhere, and for checks to be healthy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api import models
from airflow_provider_checkly.base_checkly_operator import DEFERRABLE
from airflow_provider_checkly.base_health_sensor import BaseHealthSensor
from airflow_provider_checkly.base_sensor import BaseSessionSensor
from airflow_provider_checkly.hooks import ChecklyHook

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from airflow_provider_checkly.arguments import FailStatus, Tags
    from airflow_provider_checkly.gate import Gate
    from airflow_provider_checkly.gate.health import HealthWord


class ChecklyCheckSessionSensor(BaseSessionSensor):
    """Wait for the end of check sessions, and fail if a check did not pass.

    It never cancels, since it did not start the sessions. It returns the session as Checkly returned it: a
    dict for one id given as a string, else a list. In poke mode a poke is one long poll, and `poke_interval`
    defaults to 1 second; in reschedule mode it is one plain GET, every 60 seconds.

    :param check_session_ids: UUIDs, e.g. the XCom `check_session_ids` of the operator. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then has no effect.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param mode: "poke" or "reschedule", as in Airflow's sensors.
    :param poke_interval: seconds (or a timedelta) between pokes.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause, which uses the account's quota.
    :param checkly_conn_id: the connection. (templated)
    """

    kind = models.CHECK_SESSION
    template_fields: Sequence[str] = ("checkly_conn_id", "check_session_ids")

    def __init__(
        self,
        *,
        check_session_ids: str | Iterable[str],
        deferrable: bool = DEFERRABLE,
        fail_on: FailStatus | Iterable[FailStatus] | None = None,
        gate: Gate | None = None,
        mode: Literal["poke", "reschedule"] = "poke",
        poke_interval: float | timedelta | None = None,
        explain: bool = True,
        root_cause_analysis: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            deferrable=deferrable, fail_on=fail_on, gate=gate, mode=mode, poke_interval=poke_interval,
            explain=explain, root_cause_analysis=root_cause_analysis, checkly_conn_id=checkly_conn_id,
            **kwargs,
        )  # fmt: skip
        self.check_session_ids = arguments.as_list(check_session_ids)


class ChecklyTestSessionSensor(BaseSessionSensor):
    """Wait for the end of test sessions, and fail if a check did not pass.

    It waits and returns as :class:`ChecklyCheckSessionSensor` does.

    :param test_session_ids: UUIDs, e.g. the XCom `test_session_ids` of the operator. (templated)
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then has no effect.
    :param fail_on: which of FAILED, TIMED_OUT, CANCELLED, DEGRADED fail the task; default: all but DEGRADED.
    :param gate: a :class:`airflow_provider_checkly.gate.Gate` with more rules, instead of `fail_on`.
    :param mode: "poke" or "reschedule", as in Airflow's sensors.
    :param poke_interval: seconds (or a timedelta) between pokes.
    :param explain: on failure, log why each check failed (at most 20 more requests).
    :param root_cause_analysis: also ask Checkly's AI for the cause, which uses the account's quota.
    :param checkly_conn_id: the connection. (templated)
    """

    kind = models.TEST_SESSION
    template_fields: Sequence[str] = ("checkly_conn_id", "test_session_ids")

    def __init__(
        self,
        *,
        test_session_ids: str | Iterable[str],
        deferrable: bool = DEFERRABLE,
        fail_on: FailStatus | Iterable[FailStatus] | None = None,
        gate: Gate | None = None,
        mode: Literal["poke", "reschedule"] = "poke",
        poke_interval: float | timedelta | None = None,
        explain: bool = True,
        root_cause_analysis: bool = False,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            deferrable=deferrable, fail_on=fail_on, gate=gate, mode=mode, poke_interval=poke_interval,
            explain=explain, root_cause_analysis=root_cause_analysis, checkly_conn_id=checkly_conn_id,
            **kwargs,
        )  # fmt: skip
        self.test_session_ids = arguments.as_list(test_session_ids)


class ChecklyCheckStatusSensor(BaseHealthSensor):
    """Wait until checks are healthy by their scheduled runs; it starts nothing and alerts nobody.

    A check that never ran, that does not exist or that is deactivated is not healthy; the log names it. Tags
    and `all_checks` mean active checks only. It returns what it knows about each check (without healthy ones
    above 48 KiB). An API key with the role Read Only suffices. All deferred sensors of an account share
    one request per `poke_interval`.

    :param check_ids: UUIDs of checks. (templated)
    :param tags: a list means AND, a list of lists OR of ANDs; `!tag` negates. (templated)
    :param all_checks: every active check of the account.
    :param healthy: the statuses that count as healthy, from `passing`, `degraded` (both by default) and
        `failing`.
    :param fresh: count only statuses that Checkly updated since the task began, as after a deployment; a run
        that was in progress at that time counts, too.
    :param for_seconds: for how long (seconds or a timedelta) all must be healthy, as far as polls can tell;
        not in reschedule mode.
    :param deferrable: wait in the triggerer, without a worker slot; `mode` then has no effect.
    :param mode: "poke" or "reschedule", as in Airflow's sensors.
    :param poke_interval: seconds (or a timedelta) between polls.
    :param checkly_conn_id: the connection. (templated)
    """

    template_fields: Sequence[str] = ("checkly_conn_id", "check_ids", "tags")

    def __init__(
        self,
        *,
        check_ids: str | Iterable[str] | None = None,
        tags: Tags | None = None,
        all_checks: bool = False,
        healthy: HealthWord | Iterable[HealthWord] = ("passing", "degraded"),
        fresh: bool = False,
        for_seconds: float | timedelta = 0,
        deferrable: bool = DEFERRABLE,
        mode: Literal["poke", "reschedule"] = "poke",
        poke_interval: float | timedelta = 60,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            all_checks=all_checks, healthy=healthy, fresh=fresh, for_seconds=for_seconds,
            deferrable=deferrable, mode=mode, poke_interval=poke_interval, checkly_conn_id=checkly_conn_id,
            **kwargs,
        )  # fmt: skip
        self.check_ids = arguments.as_list(check_ids)
        self.tags = arguments.as_list(tags)
        arguments.one_selection(check_ids, tags, all_checks=all_checks)
