"""The notifier: tells a Checkly heartbeat monitor that a DAG or a task succeeded."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowException, BaseHook, BaseNotifier, mask_secret

from airflow_provider_checkly import arguments
from airflow_provider_checkly.airflow_workarounds import template_dag
from airflow_provider_checkly.exceptions import ChecklyError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Connection, Context

log = logging.getLogger(__name__)

DEFAULT_HOST: Final = "https://ping.checklyhq.com"


class ChecklyHeartbeatNotifier(BaseNotifier):
    """Ping a Checkly heartbeat monitor, as `on_success_callback` of a DAG or a task.

    Checkly shows DAG, run and task as the source of the ping. A ping takes at most 25 seconds, with retries,
    and never fails the task: an error is logged. See Checkly's docs,
    detect/uptime-monitoring/heartbeat-monitors.

    :param url: the ping URL. Whoever knows it can ping, so keep it in a variable rather than in a DAG file.
        (templated)
    :param checkly_heartbeat_conn_id: a connection instead, e.g. `AIRFLOW_CONN_HEARTBEAT=https://ping...`; or
        one with the URL, or the token behind `https://ping.checklyhq.com/`, as password. (templated)
    :param method: GET or POST.
    :raises InvalidInput: neither or both are given, or the method is another one.
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
            raise InvalidInput("Set either url or checkly_heartbeat_conn_id.")
        self.url = url
        self.checkly_heartbeat_conn_id = checkly_heartbeat_conn_id
        arguments.one_of(method, ("GET", "POST"), "method")
        self.method = method

    def get_template_env(self, dag: Any = None) -> Any:
        """Return the environment that renders templates."""
        return super().get_template_env(template_dag(dag))

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
            log.error("The heartbeat was not pinged: %s", error)  # noqa: TRY400 - a traceback may show the URL
        else:
            log.info("Pinged the heartbeat monitor at Checkly.")

    async def async_notify(self, context: Context) -> None:
        """Ping from a triggerer, without blocking its event loop."""
        await asyncio.to_thread(self.notify, context)


def address(connection: Connection) -> str:
    """Return the ping URL of a connection, in whichever of its fields it is.

    Airflow splits a URL that is given as a connection, so that its path becomes `schema`.
    """
    secret, host, path = connection.password or "", connection.host or "", connection.schema or ""
    if "://" in secret:
        return secret
    token = secret or path
    if not host:
        return f"{DEFAULT_HOST}/{token.lstrip('/')}"
    scheme = connection.conn_type if connection.conn_type in {"http", "https"} else "https"
    base = host if "://" in host else f"{scheme}://{host}"
    port = f":{connection.port}" if connection.port and urlsplit(base).port != connection.port else ""
    if port and urlsplit(base).path.strip("/"):
        raise InvalidInput("The connection has a port and a host with a path. Put the port into the host.")
    return f"{base.rstrip('/')}{port}/{token.lstrip('/')}".rstrip("/")


def source(context: Context) -> str:
    """Return DAG, run and task of a context."""
    ti: Any = context.get("task_instance") or context.get("ti")
    dag: Any = context.get("dag")
    dag_id = getattr(ti, "dag_id", None) or getattr(dag, "dag_id", None)
    run_id = getattr(ti, "run_id", None) or context.get("run_id")
    return "/".join(str(part) for part in ("airflow", dag_id, run_id, getattr(ti, "task_id", None)) if part)
