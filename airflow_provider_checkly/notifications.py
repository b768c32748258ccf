"""The notifier: tells a Checkly heartbeat monitor that a DAG or task has succeeded."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Literal

from airflow.providers.common.compat.sdk import AirflowException, BaseHook, BaseNotifier, mask_secret

from airflow_provider_checkly import arguments
from airflow_provider_checkly.exceptions import ChecklyError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Connection, Context

log = logging.getLogger(__name__)

DEFAULT_HOST: Final = "https://ping.checklyhq.com"


class ChecklyHeartbeatNotifier(BaseNotifier):
    """Ping a Checkly heartbeat monitor, as `on_success_callback` of a DAG or a task.

    Checkly shows DAG, run and task as the source of the ping. A ping takes 25 seconds at most, with its
    repeats, and never fails: what goes wrong is one error in the log. See Checkly's docs,
    detect/uptime-monitoring/heartbeat-monitors.

    :param url: of the monitor; whoever knows it can ping, so a variable is a better place than a DAG's code.
        (templated)
    :param checkly_heartbeat_conn_id: a connection of any type instead, whose password is the URL, or the part
        of it behind `https://ping.checklyhq.com/`; or whose host is the URL. (templated)
    :param method: GET or POST.
    :raises InvalidInput: neither or both are given, or the method is another.
    """

    template_fields: Sequence[str] = ("url", "checkly_heartbeat_conn_id")

    def __init__(
        self,
        url: str | None = None,
        *,
        checkly_heartbeat_conn_id: str | None = None,
        method: Literal["GET", "POST"] = "GET",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (url is None) is (checkly_heartbeat_conn_id is None):
            raise InvalidInput("One of url and checkly_heartbeat_conn_id must be given, not both.")
        self.url = url
        self.checkly_heartbeat_conn_id = checkly_heartbeat_conn_id
        arguments.one_of(method, ("GET", "POST"), "method")
        self.method = method

    def notify(self, context: Context) -> None:
        """Ping."""
        from airflow_provider_checkly.api import pings  # noqa: PLC0415 - loads requests, where it is needed

        try:
            conn_id = self.checkly_heartbeat_conn_id
            url = pings.checked_url(address(BaseHook.get_connection(conn_id)) if conn_id else self.url)
            mask_secret(url)
            mask_secret(url.rstrip("/").rpartition("/")[2])
            pings.send(pings.Ping(url, self.method, source(context)))
        except (ChecklyError, AirflowException) as error:
            log.error("The heartbeat was not pinged. %s", error)  # noqa: TRY400 - a trace may show the URL
        else:
            log.info("Pinged the heartbeat at Checkly.")

    async def async_notify(self, context: Context) -> None:
        """Ping from a triggerer, without blocking its event loop."""
        await asyncio.to_thread(self.notify, context)


def address(connection: Connection) -> str:
    """Return the URL that a connection holds."""
    secret, host = connection.password or "", connection.host or ""
    if "://" in secret or not secret:
        return secret or host
    base = host if "://" in host else DEFAULT_HOST
    return f"{base.rstrip('/')}/{secret.lstrip('/')}"


def source(context: Context) -> str:
    """Return which DAG, run and task a context is of."""
    ti: Any = context.get("task_instance") or context.get("ti")
    dag: Any = context.get("dag")
    dag_id = getattr(ti, "dag_id", None) or getattr(dag, "dag_id", None)
    run_id = getattr(ti, "run_id", None) or context.get("run_id")
    return "/".join(str(part) for part in ("airflow", dag_id, run_id, getattr(ti, "task_id", None)) if part)
