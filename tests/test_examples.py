"""Every example DAG, in every outcome of its checks, judged by its effect."""

from __future__ import annotations

import ast
import json
import re
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import BaseHook
from airflow.providers.common.compat.version_compat import get_base_airflow_version_tuple
from dag_runs import DagRun, DagRunner

from airflow_provider_checkly.emulator import DEFAULT_CHECKS, Check, Emulator
from airflow_provider_checkly.emulator.default_checks import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent / "example_dags"
FILES = sorted(FOLDER.glob("*.py"))
VERSION = get_base_airflow_version_tuple()
NEEDS = {
    "ask_a_human": (3, 1, 0),
    "await_in_an_async_task": (3, 2, 0),
    "keep_a_deadline": (3, 2, 0),
    "start_when_a_check_fails": (3, 0, 0),
    "start_when_a_check_recovers": (3, 0, 0),
}

CHOSE = "success: gate=failed choose=success"

# How the run of an example and its tasks end, by how its checks end.
ENDS = {
    "ask_a_human": {
        "passed": "success: gate=success ask=skipped publish=success",
        "error": "failed: gate=failed ask=skipped publish=upstream_failed",
        "no match": "failed: gate=failed ask=skipped publish=upstream_failed",
    },
    "await_in_an_async_task": {
        "passed": "success: start=success finish=success",
        "failed": "failed: start=success finish=failed",
        "timed out": "failed: start=success finish=failed",
        "error": "failed: start=failed finish=upstream_failed",
        "no match": "failed: start=failed finish=upstream_failed",
    },
    "branch_on_the_result": {
        "passed": f"{CHOSE} publish=success roll_back=skipped call_for_help=skipped".replace(
            "gate=failed", "gate=success"
        ),
        "failed": f"{CHOSE} publish=skipped roll_back=success call_for_help=skipped",
        "timed out": f"{CHOSE} publish=skipped roll_back=success call_for_help=skipped",
        "error": f"{CHOSE} publish=skipped roll_back=skipped call_for_help=success",
        "no match": f"{CHOSE} publish=skipped roll_back=skipped call_for_help=success",
    },
    "deploy_quietly": {
        "passed": "success: quiet=success loud=success deploy=success well_again=success",
        "timed out": "failed: quiet=success loud=success deploy=success well_again=failed",
        "error": "failed: quiet=failed loud=upstream_failed deploy=upstream_failed well_again=upstream_failed",  # noqa: E501
        "no match": "failed: quiet=success loud=success deploy=success well_again=failed",
    },
    "gate_publish_on_checks": {
        "passed": "success: gate=success publish=success",
        "failed": "failed: gate=failed publish=upstream_failed",
        "timed out": "failed: gate=failed publish=upstream_failed",
        "error": "failed: gate=failed publish=upstream_failed",
        "no match": "failed: gate=failed publish=upstream_failed",
    },
    "gate_with_rules": {
        "passed": "success: gate=success list_tolerated=success",
        "failed": "failed: gate=failed list_tolerated=upstream_failed",
        "one failed": "success: gate=success list_tolerated=success",
        "timed out": "failed: gate=failed list_tolerated=upstream_failed",
        "error": "failed: gate=failed list_tolerated=upstream_failed",
        "no match": "failed: gate=failed list_tolerated=upstream_failed",
    },
    "hook_in_a_task": {
        "passed": "success: slowest_location=success",
        "failed": "success: slowest_location=success",
        "timed out": "failed: slowest_location=failed",
        "error": "failed: slowest_location=failed",
        "no match": "failed: slowest_location=failed",
    },
    "map_over_check_ids": {
        "passed": "success: checks_of_this_release=success check[0]=success check[1]=success",
        "failed": "failed: checks_of_this_release=success check[0]=failed check[1]=failed",
        "timed out": "failed: checks_of_this_release=success check[0]=failed check[1]=failed",
        "error": "failed: checks_of_this_release=success check[0]=failed check[1]=failed",
        "no match": "failed: checks_of_this_release=success check[0]=failed check[1]=failed",
    },
    "one_trigger_queue": {
        "passed": "success: shop=success infra=success publish=success",
        "failed": "failed: shop=failed infra=failed publish=upstream_failed",
        "timed out": "failed: shop=failed infra=failed publish=upstream_failed",
        "error": "failed: shop=failed infra=failed publish=upstream_failed",
        "no match": "failed: shop=failed infra=failed publish=upstream_failed",
    },
    "ping_a_heartbeat": {
        "passed": "success: nightly_load=success",
        "error": "success: nightly_load=success",
    },
    "publish_if_available": {
        "passed": "success: was_available=success publish=success",
        "failed": "failed: was_available=failed publish=upstream_failed",
        "error": "failed: was_available=failed publish=upstream_failed",
        "no match": "failed: was_available=failed publish=upstream_failed",
    },
    "report_as_junit": {
        "passed": "success: checks=success junit=success",
        "failed": "success: checks=skipped junit=success",
        "timed out": "success: checks=skipped junit=success",
        "error": "failed: checks=failed junit=upstream_failed",
        "no match": "failed: checks=failed junit=upstream_failed",
    },
    "retry_what_may_get_better": {
        "passed": "success: account=success",
        "error": "failed: account=failed",
    },
    "run_a_test_session": {
        "passed": "success: test_the_preview=success",
        "failed": "failed: test_the_preview=failed",
        "timed out": "failed: test_the_preview=failed",
        "error": "failed: test_the_preview=failed",
        "no match": "failed: test_the_preview=failed",
    },
    "send_the_report": {
        "passed": "success: gate=success publish=success",
        "failed": "failed: gate=failed publish=upstream_failed",
        "timed out": "failed: gate=failed publish=upstream_failed",
        "error": "failed: gate=failed publish=upstream_failed",
        "no match": "failed: gate=failed publish=upstream_failed",
    },
    "start_when_a_check_fails": {"passed": "success: quarantine=success"},
    "start_when_a_check_recovers": {"passed": "success: load_again=success"},
    "verify_every_hour": {
        "passed": "success: verify=success refresh_dashboards=success",
        "failed": "success: verify=skipped refresh_dashboards=skipped",
        "timed out": "success: verify=skipped refresh_dashboards=skipped",
        "error": "failed: verify=failed refresh_dashboards=upstream_failed",
        "no match": "success: verify=skipped refresh_dashboards=skipped",
    },
    "wait_for_sessions_started_elsewhere": {
        "passed": "success: somebody_else=success wait=success",
        "failed": "failed: somebody_else=success wait=failed",
        "timed out": "failed: somebody_else=success wait=failed",
        "error": "failed: somebody_else=failed wait=upstream_failed",
        "no match": "failed: somebody_else=failed wait=upstream_failed",
    },
}
ENDS["wait_until_healthy"] = {
    "passed": "success: healthy=success load=success",
    "timed out": "failed: healthy=failed load=upstream_failed",
    "error": "failed: healthy=failed load=upstream_failed",
    "no match": "failed: healthy=failed load=upstream_failed",
}
ENDS["keep_a_deadline"] = ENDS["gate_publish_on_checks"]
CASES = [(example, outcome) for example, ends in ENDS.items() for outcome in ends]
UNRELATED = Check(id=str(UUID(int=99)), name="Unrelated", tags=("unrelated",))


def checks_that(outcome: str) -> list[Check]:
    """The default checks, ending as an outcome says."""
    if outcome == "no match":
        return [UNRELATED]
    if outcome == "one failed":
        return list(DEFAULT_CHECKS)
    ends: Any = {"passed": "passed", "failed": "failed", "timed out": "never", "error": "passed"}[outcome]
    status: Any = "passing" if ends == "passed" else "failing"
    return [
        replace(check, outcome=ends, attempts=0, timeline=((0, status),) if check.timeline else ())
        for check in DEFAULT_CHECKS
    ]


def hurried(file: Path, folder: Path, outcome: str) -> Path:
    """The example, with shorter time limits where they are to be reached."""
    text = file.read_text().replace("retry_delay=timedelta(minutes=1)", "retry_delay=timedelta(0)")
    text = text.replace("poke_interval=30", "poke_interval=1")
    if outcome == "timed out":
        text, changed = re.subn(r"\btimeout=(600|timedelta\(minutes=\d+\))", "timeout=2", text)
        assert changed or "wait_for_completion" in text
    copy = folder / file.name
    copy.write_text(text)
    return copy


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagRunner]:
    with DagRunner(tmp_path_factory.mktemp("airflow")) as runner:
        yield runner


@contextmanager
def account(outcome: str) -> Iterator[tuple[Emulator, dict[str, str]]]:
    """An emulator whose checks end so, and the connections to it."""
    with Emulator(checks_that(outcome), speed=40) as emulator:
        if outcome == "error":
            emulator.fail(status=401, times=None)
        heartbeat = {"conn_type": "http", "password": f"{emulator.url}/ping/{HEARTBEAT}"}
        yield (
            emulator,
            {
                "AIRFLOW_CONN_CHECKLY_DEFAULT": emulator.connection_json,
                "AIRFLOW_CONN_CHECKLY_HEARTBEAT": json.dumps(heartbeat),
            },
        )


def ends(run: DagRun) -> set[str]:
    """The states of run and tasks; the order in which Airflow lists tasks differs between its versions."""
    return {f"{run.state}:", *(f"{task}={state}" for task, state in run.tasks.items())}


def run_example(
    runner: DagRunner,
    name: str,
    outcome: str,
    folder: Path,
    more: dict[str, str] | None = None,
    **options: Any,
) -> tuple[DagRun, Emulator]:
    if NEEDS.get(name, (0, 0, 0)) > VERSION:
        pytest.skip(f"{name} needs Airflow {'.'.join(map(str, NEEDS[name][:2]))}")
    if name == "keep_a_deadline":  # `dags test` of Airflow 3.3.2 cannot run a DAG with a deadline
        options["changes"] = {".deadline": None}
    with account(outcome) as (emulator, environment):
        file = hurried(FOLDER / f"{name}.py", folder, outcome)
        return runner.run(file, environment | (more or {}), **options), emulator


@pytest.mark.parametrize(("name", "outcome"), CASES, ids=[f"{name}-{outcome}" for name, outcome in CASES])
def test_ends(runner: DagRunner, tmp_path: Path, name: str, outcome: str) -> None:
    more = {"AIRFLOW_CONN_SLACK": "{}", "AIRFLOW_CONN_SMTP_DEFAULT": "{}"}
    run, _ = run_example(runner, name, outcome, tmp_path, more)
    assert ends(run) == set(ENDS[name][outcome].split()), run.log[-3000:]
    assert run.description


def test_every_example_is_run() -> None:
    assert {file.stem for file in FILES} == set(ENDS)


@pytest.mark.parametrize("outcome", ["failed", "timed out"])
@pytest.mark.parametrize(("option", "published"), [("Approve", "success"), ("Reject", "skipped")])
def test_a_person_decides(
    runner: DagRunner, tmp_path: Path, outcome: str, option: str, published: str
) -> None:
    if VERSION < (3, 3, 0):
        pytest.skip("`dag.test()` of Airflow 3.1 and 3.2 cannot wait for a person")
    run, _ = run_example(runner, "ask_a_human", outcome, tmp_path, answers={"ask": option})
    assert ends(run) == {"success:", "gate=skipped", "ask=success", f"publish={published}"}, run.log


@pytest.mark.parametrize(("outcome", "pings"), [("passed", 1), ("error", 0)])
def test_the_heartbeat_is_pinged(runner: DagRunner, tmp_path: Path, outcome: str, pings: int) -> None:
    run, emulator = run_example(runner, "ping_a_heartbeat", outcome, tmp_path)
    assert len(emulator.pings) == pings, run.log


@pytest.mark.parametrize("outcome", ["passed", "failed", "timed out", "error", "no match"])
def test_the_team_is_told(runner: DagRunner, tmp_path: Path, outcome: str) -> None:
    with webhook() as (slack, told), mail_server() as (smtp, mails):
        connections = {"AIRFLOW_CONN_SLACK": json.dumps(slack), "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(smtp)}
        run, _ = run_example(runner, "send_the_report", outcome, tmp_path, connections)
    if outcome == "passed":
        assert (told, mails) == ([], [])
        return
    ((message,), (mail,)) = told, mails
    assert message == {"text": run.xcom["gate.report_slack"]}
    assert f"Subject: gate: {run.xcom['gate.gate']['outcome']}" in mail
    assert "shop-team@example.com" in mail


def test_mapped_tasks_have_readable_labels(runner: DagRunner, tmp_path: Path) -> None:
    checks = [Check(id=str(UUID(int=number)), name=f"Page {number}", seconds=0.1) for number in range(1, 31)]
    with Emulator(checks, speed=40) as emulator:
        run = runner.run(
            hurried(FOLDER / "map_over_check_ids.py", tmp_path, "passed"),
            {"AIRFLOW_CONN_CHECKLY_DEFAULT": emulator.connection_json},
            conf={"check_ids": [check.id for check in checks]},
        )
    assert run.state == "success", run.log
    labels = [run.labels[f"check[{index}]"] for index in range(30)]
    assert labels == [check.name for check in checks]


@pytest.mark.parametrize("outcome", ["failed", "passed"])
def test_failed_checks_keep_their_label(runner: DagRunner, tmp_path: Path, outcome: str) -> None:
    run, _ = run_example(runner, "map_over_check_ids", outcome, tmp_path)
    assert run.labels["check[0]"] == "Homepage API", run.log


def test_an_hourly_verification_pages_nobody(runner: DagRunner, tmp_path: Path) -> None:
    """A test session sends no alerts; check sessions would."""
    _, emulator = run_example(runner, "verify_every_hour", "failed", tmp_path)
    assert (len(emulator.sessions), len(emulator.test_sessions)) == (0, 1)


def test_an_async_task_does_both(runner: DagRunner, tmp_path: Path) -> None:
    run, _ = run_example(runner, "await_in_an_async_task", "passed", tmp_path)
    assert run.xcom["finish.return_value"] == {"passed": 3, "pages": 3}


@contextmanager
def webhook() -> Iterator[tuple[dict[str, str], list[Any]]]:
    """A connection whose password is the address of a webhook, and what was posted there."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(HTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield {"conn_type": "http", "password": f"http://127.0.0.1:{port}/webhook"}, posted


@contextmanager
def mail_server() -> Iterator[tuple[dict[str, Any], list[str]]]:
    """A connection to a mail server, and the mails that it accepted."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                if line.upper().startswith(b"DATA"):
                    self.wfile.write(b"354 go on\r\n")
                    mails.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")

    with served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        extra = {"disable_ssl": True, "disable_tls": True}
        yield {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}, mails


@contextmanager
def served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_parsing_looks_nothing_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works without the connection, and asks nobody for it; where Airflow is too old, one line says so."""
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT", raising=False)
    asked: list[str] = []
    monkeypatch.setattr(BaseHook, "get_connection", classmethod(lambda _, conn_id: asked.append(conn_id)))
    code = compile(file.read_text(), str(file), "exec")
    if (needs := NEEDS.get(file.stem, (0, 0, 0))) > VERSION:
        with pytest.raises(
            ImportError, match=rf"^{file.stem} needs Airflow {needs[0]}\.{needs[1]} or newer\.$"
        ):
            exec(code, {})  # noqa: S102 - our own examples
        return
    exec(code, {"__name__": f"example_{file.stem}"})  # noqa: S102 - the same
    assert asked == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_says_what_it_is(file: Path) -> None:
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    assert re.match(r"[A-Z][a-zA-Z ]+: [a-z]", docstring)
    if needs := NEEDS.get(file.stem):
        assert f"Needs Airflow {needs[0]}.{needs[1]} or newer" in docstring
