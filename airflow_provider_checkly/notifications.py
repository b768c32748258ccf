"""The notifier: tells a Checkly heartbeat monitor that a DAG or a task succeeded."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from airflow.providers.common.compat.sdk import AirflowException, BaseHook, BaseNotifier, mask_secret

from airflow_provider_checkly import arguments
from airflow_provider_checkly.airflow_workarounds import template_dag
from airflow_provider_checkly.connection import TYPE, bracketed
from airflow_provider_checkly.exceptions import ChecklyError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Connection, Context

log = logging.getLogger(__name__)

DEFAULT_HOST: Final = "https://ping.checklyhq.com"
SCHEMES: Final = frozenset({"http", "https"})
REMEDY: Final = f"Set its password to the whole ping URL, {DEFAULT_HOST}/ followed by a token."


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
    """Return the ping URL of a connection, whichever of its fields holds it.

    Airflow splits a URL that is given as a connection; its path becomes `schema`.

    :raises InvalidInput: the fields contradict each other, or it is not the connection of a heartbeat.
    """
    try:
        return _address(connection)
    except ValueError as error:
        text = str(error) if isinstance(error, InvalidInput) else "its host is not valid."
        raise InvalidInput(f"Connection {connection.conn_id!r}: {text} {REMEDY}") from None


def _address(connection: Connection) -> str:
    secret, host, path = (
        (each or "").strip() for each in (connection.password, connection.host, connection.schema)
    )
    if "://" in secret:
        return secret
    if connection.conn_type == TYPE and connection.login:
        raise InvalidInput("it holds an API key, which is not sent to a heartbeat.")
    kind = connection.conn_type if connection.conn_type in SCHEMES else "https"
    scheme, path = (path, "") if path in SCHEMES else (kind, path)
    if secret and path:
        raise InvalidInput("it has both a password and a path (schema).")
    if path and not (host or connection.conn_type):  # Airflow has cut off the first character
        raise InvalidInput("its URL has no scheme.")
    if not host and "." in secret.partition("/")[0]:
        return f"{scheme}://{secret}"
    base = host if "://" in host else f"{scheme}://{bracketed(host)}" if host else DEFAULT_HOST
    url = f"{_with_port(base, connection.port)}/{(secret or path).lstrip('/')}"
    return url.rstrip("/") if host else url


def _with_port(base: str, port: int | None) -> str:
    parts, base = urlsplit(base), base.rstrip("/")
    if not port or parts.port == port:
        return base
    if parts.port or parts.path.strip("/"):
        raise InvalidInput("its port does not fit its host.")
    return f"{base}:{port}"


def source(context: Context) -> str:
    """Return DAG, run and task of a context."""
    ti: Any = context.get("task_instance") or context.get("ti")
    dag: Any = context.get("dag")
    dag_id = getattr(ti, "dag_id", None) or getattr(dag, "dag_id", None)
    run_id = getattr(ti, "run_id", None) or context.get("run_id")
    return "/".join(str(part) for part in ("airflow", dag_id, run_id, getattr(ti, "task_id", None)) if part)
