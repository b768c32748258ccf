"""The tab as Airflow sees it: where it is registered, and where it leaves no trace."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from airflow import plugins_manager
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_1_PLUS

from airflow_provider_checkly import __version__, operators, sensors
from airflow_provider_checkly.base_checkly_operator import BaseChecklyOperator
from airflow_provider_checkly.ui import plugin
from airflow_provider_checkly.ui.plugin import STATIC, ChecklyPlugin

if TYPE_CHECKING:
    from starlette.testclient import TestClient

SHOW = "AIRFLOW__CHECKLY__SHOW_TAB"
has_tabs = pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow's UI takes tabs since 3.1")


def apps() -> list[dict[str, Any]]:
    return ChecklyPlugin().react_apps


def test_airflow_loads_the_entry_point() -> None:
    """Below 3.1 the entry point is not a plugin, which Airflow passes over without a word."""
    (entry,) = metadata.distribution("airflow-provider-checkly").entry_points.select(group="airflow.plugins")
    assert entry.load() is plugin.plugin
    if AIRFLOW_V_3_1_PLUS:
        assert plugin.plugin is ChecklyPlugin
    else:
        assert plugin.plugin is None
        plugins_manager.ensure_plugins_loaded()
        assert not any("checkly" in str(each).lower() for each in plugins_manager.plugins or [])
        assert not plugins_manager.import_errors


def test_off_unless_a_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "AIRFLOW_V_3_4_PLUS", False)
    assert apps() == ChecklyPlugin().fastapi_apps == []


def test_everywhere_by_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHOW, "True")
    assert [app["destination"] for app in apps()] == ["task_instance", "task", "dag"]
    assert len({app["url_route"] for app in apps()}) == 3
    assert not any("applies_to" in app for app in apps())


def test_where_it_belongs_on_newer_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written from the documentation of Airflow 3.4; not run there."""
    monkeypatch.setattr(plugin, "AIRFLOW_V_3_4_PLUS", True)
    scopes = {app["destination"]: app["applies_to"] for app in apps()}
    assert scopes["task_instance"] == scopes["task"] == {"operator_name": [*plugin.OPERATORS]}
    assert scopes["dag"] == {"dag.tags.name": ["checkly"]}


def test_all_that_leave_a_gate_have_it() -> None:
    classes = {name: each for module in (operators, sensors) for name, each in vars(module).items()}
    gates = {name for name, each in classes.items() if leaves_a_gate(each)}
    assert set(plugin.OPERATORS) == {name for name in gates if name.startswith("Checkly")}


def leaves_a_gate(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseChecklyOperator)


@pytest.mark.parametrize(
    ("base_url", "path"),
    [
        ("http://localhost:8080", ""),
        ("https://x.example.com/air/", "/air"),
        ("/air", "/air"),
        ("https://x.example.com/a/b", "/a/b"),
    ],
)
def test_the_address_of_the_files(monkeypatch: pytest.MonkeyPatch, base_url: str, path: str) -> None:
    monkeypatch.setenv(SHOW, "True")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    assert {app["bundle_url"] for app in apps()} == {f"{path}/checkly/{__version__}/checkly.mjs"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The static files as the API server mounts them."""
    pytest.importorskip("fastapi", reason="the API server of Airflow 3")
    from fastapi import FastAPI  # noqa: PLC0415
    from fastapi.testclient import TestClient  # noqa: PLC0415

    monkeypatch.setenv(SHOW, "True")
    app, (mount,) = FastAPI(), ChecklyPlugin().fastapi_apps
    app.mount(mount["url_prefix"], mount["app"])
    return TestClient(app)


def test_the_files(client: TestClient) -> None:
    """A browser runs a module only under a type of JavaScript."""
    for file in STATIC.iterdir():
        answer = client.get(f"/checkly/{__version__}/{file.name}")
        kind = {".mjs": "javascript", ".css": "text/css"}[file.suffix]
        assert kind in answer.headers["content-type"]
        assert answer.text == file.read_text("utf-8")


@pytest.mark.parametrize(
    "path", ["", "/0.0.0/checkly.mjs", "/openapi.json", f"/{__version__}/../../plugin.py", "/docs"]
)
def test_nothing_but_the_files(client: TestClient, path: str) -> None:
    assert client.get(f"/checkly{path}").status_code == 404


def test_processes_without_a_ui_make_nothing() -> None:
    """Workers and the triggerer import the plugin; the web framework is not loaded for it."""
    code = (
        "import sys; from airflow.providers.common.compat.sdk import AirflowPlugin\n"
        "before = set(sys.modules)\n"
        "from airflow_provider_checkly.ui.plugin import ChecklyPlugin; ChecklyPlugin()\n"
        "print(sorted({'fastapi', 'starlette', 'requests', 'aiohttp'} & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


@has_tabs
def test_airflow_lists_the_tabs() -> None:
    """In a process of its own, as Airflow reads plugins once; also where it reads those of provider infos."""
    code = (
        "import os; os.environ['AIRFLOW__CHECKLY__SHOW_TAB'] = 'True'\n"
        "os.environ['AIRFLOW__CORE__LAZY_DISCOVER_PROVIDERS'] = 'False'\n"
        "from airflow import plugins_manager\n"
        "(info,) = [each for each in plugins_manager.get_plugin_info() if each['name'] == 'checkly']\n"
        "print([app['url_route'] for app in info['react_apps']], len(info['fastapi_apps']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    routes = ["checkly-task-instance", "checkly-task", "checkly-dag"]
    assert done.stdout.splitlines()[-1] == f"{routes} 1", done.stdout + done.stderr
    assert "'checkly' already registered" not in done.stdout + done.stderr
