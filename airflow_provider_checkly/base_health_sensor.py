"""Base of the sensor that waits until checks are healthy."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from airflow.providers.common.compat.sdk import PokeReturnValue

from airflow_provider_checkly import arguments
from airflow_provider_checkly.airflow_workarounds import first_start, min_deferral_seconds
from airflow_provider_checkly.base_checkly_operator import DEFER_TIMEOUT_BUFFER
from airflow_provider_checkly.base_sensor import BaseChecklySensor
from airflow_provider_checkly.exceptions import ChecklyError, InvalidInput
from airflow_provider_checkly.gate.health import (
    HEALTH_WORDS,
    HealthResult,
    Requirement,
    evaluate_health,
    number_of_checks,
    unhealthy_checks,
)
from airflow_provider_checkly.health_trigger import (
    ChecklyHealthTrigger,
    health_from_event,
    health_to_event,
)
from airflow_provider_checkly.health_wait import MAX_GAP, HealthWait
from airflow_provider_checkly.links import LINK_KEY, ChecklyCheckLink
from airflow_provider_checkly.shared_reads import RETRY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.http import Json
    from airflow_provider_checkly.arguments import Tags
    from airflow_provider_checkly.gate.health import HealthWord

log = logging.getLogger(__name__)


class BaseHealthSensor(BaseChecklySensor):
    """A sensor that waits until checks are healthy."""

    operator_extra_links = (ChecklyCheckLink(),)

    check_ids: str | Iterable[str] | None
    tags: Tags | None
    _wait: HealthWait | None = None
    _known = HealthResult()

    def __init__(
        self,
        *,
        all_checks: bool,
        healthy: HealthWord | Iterable[HealthWord],
        fresh: bool,
        for_seconds: float | timedelta,
        deferrable: bool,
        mode: Literal["poke", "reschedule"],
        **kwargs: Any,
    ) -> None:
        super().__init__(mode=mode, **kwargs)
        arguments.flags(fresh=fresh, deferrable=deferrable)
        self.all_checks = all_checks
        self.healthy = sorted(arguments.words_of(arguments.as_list(healthy), HEALTH_WORDS, "healthy"))
        self.fresh = fresh
        self.for_seconds = arguments.seconds_or_zero(for_seconds, "for_seconds")
        self.deferrable = deferrable
        timeout = arguments.positive_seconds(self.timeout, "timeout")
        arguments.positive_seconds(self.poke_interval, "poke_interval")
        if self.for_seconds >= timeout:
            raise InvalidInput(f"for_seconds={for_seconds!r} must be below the timeout, {timeout:g} s.")
        if self.for_seconds and mode == "reschedule" and not deferrable:
            raise InvalidInput(
                "for_seconds cannot be combined with mode='reschedule', which remembers nothing between "
                "pokes; use deferrable=True."
            )
        if self.for_seconds and self.exponential_backoff and not deferrable:
            raise InvalidInput(
                "for_seconds cannot be combined with exponential_backoff, whose pokes are too far apart to "
                "tell that the checks stayed healthy; use deferrable=True."
            )

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll once; the sensor is done when all checks have been healthy for long enough."""
        result = self._look(context)
        if not result.is_met and time.time() < self._until:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._conclude(context, result))

    def execute_complete(self, context: Context, event: object) -> Json:
        """Conclude from the event of the trigger."""
        with self._task_errors(context):
            return self._conclude(context, health_from_event(event))

    def _get_wait(self, context: Context) -> HealthWait:
        """Return the wait of this process; it remembers for how long the checks have been healthy."""
        if self._wait is None:
            target = arguments.selection(self.check_ids, self.tags, all_checks=self.all_checks)
            requirement = Requirement(frozenset(self.healthy), self._since(context) if self.fresh else None)
            gap = MAX_GAP * self._interval
            self._wait = HealthWait(target, requirement, self.for_seconds, gap, is_own_time=self.fresh)
        return self._wait

    def _since(self, context: Context) -> float:
        """Return when this task began, in Unix seconds."""
        is_rescheduled = self.reschedule and not self.deferrable
        start = first_start(context, self.retries or 0) if is_rescheduled else context["ti"].start_date
        return (start or datetime.now(UTC)).timestamp()

    def _look(self, context: Context) -> HealthResult:
        """Poll once, and log what is not healthy; a temporary error counts as not healthy."""
        wait = self._get_wait(context)
        try:
            result = self.hook.run_reads(wait.look(), min(RETRY_SECONDS, max(1.0, self._until - time.time())))
        except ChecklyError as error:
            if not error.retryable or time.time() >= self._until:
                raise
            log.warning("%s Polling again in %s s.", error, self._interval)
            wait.interrupt()
            self._known = replace(self._known, missing_seconds=self.for_seconds, error=error)
            return self._known
        self._known = result
        if result.unhealthy:
            log.info(
                "%d of %s not healthy: %s.",
                result.unhealthy,
                number_of_checks(result.count),
                unhealthy_checks(result),
            )
        elif result.missing_seconds:
            log.info("All checks are healthy; they must stay healthy for %.0f s.", result.missing_seconds)
        return result

    @property
    def _interval(self) -> float:
        interval: float | timedelta = self.poke_interval
        return interval.total_seconds() if isinstance(interval, timedelta) else float(interval)

    def _look_or_defer(self, context: Context) -> Json:
        result = self._look(context)
        if not result.is_met and time.time() < self._until:
            self._defer(self._get_wait(context))
        return self._conclude(context, result)

    def _defer(self, wait: HealthWait) -> NoReturn:
        now, hold = time.time(), min_deferral_seconds()
        latest = datetime.fromtimestamp(self._until, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        log.info(
            "Deferring: a triggerer polls every %g s, until %s at the latest. If this task stays deferred "
            "after that, start a triggerer (`airflow triggerer`).",
            self._interval,
            latest,
        )
        trigger = ChecklyHealthTrigger(
            self.checkly_conn_id,
            self._until,
            check_ids=wait.target.check_ids,
            tags=wait.target.tags,
            healthy=self.healthy,
            since=wait.requirement.since,
            for_seconds=self.for_seconds,
            poll_interval=self._interval,
            not_before=now + hold,
            max_hold_seconds=hold,
        )
        left = timedelta(seconds=max(0.0, self._until - now))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + DEFER_TIMEOUT_BUFFER)

    def _conclude(self, context: Context, result: HealthResult) -> Json:
        """Return what is known about the checks, if they are healthy; however the sensor waited.

        :raises ChecklyError: they are not, or could not be read.
        """
        result = health_from_event(health_to_event(result))
        page = self.hook.settings.check_page
        requirement = Requirement(frozenset(self.healthy), 0 if self.fresh else None)
        self._evaluation = evaluation = evaluate_health(result, requirement, self.for_seconds, page)
        if result.checks:
            context["ti"].xcom_push(key=LINK_KEY, value=page(result.checks[0].check_id))
        if evaluation.error is not None:
            raise evaluation.error
        log.info("%s", evaluation.message)
        self._push_reports(context, evaluation)
        return [each.to_json() | {"link": page(each.check_id)} for each in result.checks]

    def _time_out(self, context: Context) -> Json:
        return self._conclude(context, self._known)
