"""Operators that keep Checkly quiet while a deployment runs; users import them from `operators`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self, cast

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_checkly import arguments
from airflow_provider_checkly.api.models import moment
from airflow_provider_checkly.api.text import quoted
from airflow_provider_checkly.exceptions import ChecklyError, ChecklyNotFound, ChecklyUnreadable, InvalidInput
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.task_exceptions import as_airflow_exceptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_checkly.api.documents import MaintenanceWindow
    from airflow_provider_checkly.api.http import JsonObject

log = logging.getLogger(__name__)

MIN_DURATION: Final = timedelta(minutes=1)
MAX_DURATION: Final = timedelta(days=7)
MAX_NAME: Final = 200
MAX_DESCRIPTION: Final = 2000
MAX_MARKER: Final = 1000


class ChecklyCreateMaintenanceWindowOperator(BaseOperator):
    """Open a maintenance window at Checkly, for use as a setup task around a deployment.

    Checkly then silences alerts or pauses scheduled runs; runs that are triggered go on, silenced. The window
    ends by itself after `max_duration`, should its teardown never run. A retry continues with the window that
    an earlier try opened. It returns the id of the window. It needs an API key with the role Read &
    Write.

    :param silence_tags: silence the alerts of checks and groups with any of these tags. (templated)
    :param pause_tags: pause the scheduled runs of checks and groups with any of these tags. (templated)
    :param silence_all_alerts: silence the alerts of the whole account.
    :param pause_all_checks: pause all scheduled runs of the account.
    :param max_duration: when the window ends by itself, after a minute to seven days.
    :param name: of the window; default: DAG and run. (templated)
    :param description: of the window; a line that names the task is added. (templated)
    :param checkly_conn_id: the connection. (templated)
    """

    ui_color = "#e8f4ff"
    template_fields: Sequence[str] = ("checkly_conn_id", "silence_tags", "pause_tags", "name", "description")

    if TYPE_CHECKING:

        @property
        def output(self) -> Any:
            """The id of the window. Airflow's type does not fit the parameters of tasks."""

        def as_setup(self) -> Self:
            """Make the task a setup task; Airflow does not annotate it."""

    def __init__(
        self,
        *,
        silence_tags: str | Iterable[str] | None = None,
        pause_tags: str | Iterable[str] | None = None,
        silence_all_alerts: bool = False,
        pause_all_checks: bool = False,
        max_duration: timedelta = timedelta(hours=1),
        name: str | None = None,
        description: str | None = None,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.flags(silence_all_alerts=silence_all_alerts, pause_all_checks=pause_all_checks)
        if not isinstance(max_duration, timedelta) or not MIN_DURATION <= max_duration <= MAX_DURATION:
            raise InvalidInput(
                f"max_duration must be a timedelta from a minute to {MAX_DURATION.days} days, "
                f"not {max_duration!r}."
            )
        self.silence_tags = arguments.as_list(silence_tags)
        self.pause_tags = arguments.as_list(pause_tags)
        self.silence_all_alerts = silence_all_alerts
        self.pause_all_checks = pause_all_checks
        self.max_duration = max_duration
        self.name = name
        self.description = description
        self.checkly_conn_id = checkly_conn_id
        self._given = [name for name in ("silence_tags", "pause_tags") if getattr(self, name) is not None]
        if not (self._given or silence_all_alerts or pause_all_checks):
            raise InvalidInput(NO_SCOPE)

    @cached_property
    def hook(self) -> ChecklyHook:
        """A hook for the connection as rendered."""
        return ChecklyHook(self.checkly_conn_id)

    def execute(self, context: Context) -> int:
        """Open the window, or continue with that of an earlier try; return its id."""
        with as_airflow_exceptions():
            scope, marker = self._scope(), _marker(context)
            now = datetime.now(UTC)
            ends: JsonObject = {"endsAt": _iso(now + self.max_duration)}
            body: JsonObject = {
                "name": self._name(context),
                "description": _with_marker(self._description(), marker),
                "startsAt": _iso(now),
                **ends,
                **scope,
            }
            window_id = self._find(marker) if context["ti"].try_number > 1 else None
            if window_id is None:
                window_id = self._create(body, marker)
            else:
                log.info("An earlier try opened maintenance window %d; extending it.", window_id)
                self.hook.update_maintenance_window(window_id, ends | scope)
        log.info("Maintenance window %d is open until %s: %s.", window_id, ends["endsAt"], _words(scope))
        return window_id

    def _scope(self) -> JsonObject:
        """Return what the window applies to.

        :raises InvalidInput: nothing, or an argument that was given rendered to None.
        """
        for argument in self._given:
            if getattr(self, argument) is None:
                raise InvalidInput(f"{argument} rendered to None; did a template render to an empty value?")
        silenced = arguments.plain_tags(self.silence_tags, "silence_tags")
        paused = arguments.plain_tags(self.pause_tags, "pause_tags")
        scope: JsonObject = {
            "tags": cast("list[Any]", paused),
            "pauseAllChecks": self.pause_all_checks,
            "silenceAlertsTags": cast("list[Any]", silenced),
            "silenceAllAlerts": self.silence_all_alerts,
        }
        if not any(scope.values()):
            raise InvalidInput(NO_SCOPE)
        return scope

    def _name(self, context: Context) -> str:
        ti = context["ti"]
        name = f"Airflow: {ti.dag_id} {ti.run_id}" if self.name is None else arguments.word(self.name, "name")
        return name[:MAX_NAME]

    def _description(self) -> str:
        if self.description in (None, "None"):
            return ""
        if (text := arguments.plain_text(self.description)) is None:
            raise InvalidInput(f"description must be a string, not {type(self.description).__name__}.")
        return text.strip()

    def _create(self, body: JsonObject, marker: str) -> int:
        """Create the window; if Checkly may have done so although the request failed, search for it."""
        try:
            return _id(self.hook.create_maintenance_window(body))
        except ChecklyError as error:
            if not error.maybe_processed:
                raise
            log.warning("%s Checking whether Checkly opened the maintenance window anyway.", error)
            if (window_id := self._find(marker)) is None:
                raise
            return window_id

    def _find(self, marker: str) -> int | None:
        """Return the newest window of this task that has not ended."""
        now = datetime.now(UTC).timestamp()
        own = [window for window in self.hook.list_maintenance_windows() if _is_marked(window, marker)]
        ids = [_id(window) for window in own if (moment(window.get("endsAt")) or 0) > now]
        return max(ids, default=None)


class ChecklyDeleteMaintenanceWindowOperator(BaseOperator):
    """End a maintenance window at Checkly, for use as a teardown task.

    It succeeds even if the window no longer exists, or never did. It needs an API key with the role
    Read & Write.

    :param window_id: the output of the setup task. (templated)
    :param checkly_conn_id: the connection. (templated)
    """

    ui_color = "#e8f4ff"
    template_fields: Sequence[str] = ("checkly_conn_id", "window_id")

    def __init__(
        self,
        *,
        window_id: int | str | None,
        checkly_conn_id: str = ChecklyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.window_id = window_id
        self.checkly_conn_id = checkly_conn_id

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's
        """Delete the window."""
        if self.window_id in (None, "", "None"):
            log.info("There is no maintenance window to end: the setup task did not open one.")
            return
        with as_airflow_exceptions():
            window_id = _window_id(self.window_id)
            try:
                ChecklyHook(self.checkly_conn_id).delete_maintenance_window(window_id)
            except ChecklyNotFound:
                log.info("Maintenance window %d no longer exists.", window_id)
            else:
                log.info("Maintenance window %d has ended.", window_id)


NO_SCOPE: Final = (
    "The maintenance window would apply to nothing. Set silence_tags, pause_tags, silence_all_alerts=True or "
    "pause_all_checks=True."
)


def _words(scope: JsonObject) -> str:
    """Return a description of what a window does."""
    effects = {
        "tags": "pauses checks tagged",
        "pauseAllChecks": "pauses all checks",
        "silenceAlertsTags": "silences checks tagged",
        "silenceAllAlerts": "silences all alerts",
    }
    given = [(text, scope[field]) for field, text in effects.items() if scope[field]]
    return "; ".join(f"{text} {', '.join(map(str, v))}" if isinstance(v, list) else text for text, v in given)


def _is_marked(window: MaintenanceWindow, marker: str) -> bool:
    description = window.get("description")
    return isinstance(description, str) and description.strip().endswith(marker)


def _id(window: MaintenanceWindow) -> int:
    found: object = window.get("id")
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    raise ChecklyUnreadable(f"Checkly's response has no maintenance window id: {quoted(repr(window))}.")


def _window_id(value: object) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal():
        raise InvalidInput(f"window_id must be the id of a maintenance window, not {value!r}.")
    return int(text)


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _marker(context: Context) -> str:
    """Return a line that identifies a task instance, whatever its try."""
    ti = context["ti"]
    index = "" if ti.map_index is None or ti.map_index < 0 else f"[{ti.map_index}]"
    return f"Opened by Airflow: DAG {ti.dag_id}, task {ti.task_id}{index}, run {ti.run_id}"[-MAX_MARKER:]


def _with_marker(description: str, marker: str) -> str:
    return f"{description[: MAX_DESCRIPTION - len(marker) - 2]}\n\n{marker}" if description else marker
