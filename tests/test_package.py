"""The package as Airflow and a packager see it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow_runner import TaskInstance

import airflow_provider_checkly
from airflow_provider_checkly.hooks import ChecklyHook
from airflow_provider_checkly.links import ChecklySessionLink
from airflow_provider_checkly.operators import ChecklyRunChecksOperator
from airflow_provider_checkly.sensors import ChecklyCheckSessionSensor

ROOT = Path(airflow_provider_checkly.__file__).parent
INFO: Any = airflow_provider_checkly.get_provider_info()


def test_metadata() -> None:
    """Version in one place; Airflow finds the provider by its entry point."""
    about = metadata.metadata("airflow-provider-checkly")
    assert about["Version"] == airflow_provider_checkly.__version__ == INFO["versions"][0]
    assert about["Name"] == INFO["package-name"]
    entries = metadata.distribution("airflow-provider-checkly").entry_points
    (entry,) = entries.select(group="apache_airflow_provider")
    assert entry.load() is airflow_provider_checkly.get_provider_info
    assert (ROOT / "py.typed").exists()


def schemas() -> list[str]:
    return ["provider_info.schema.json", "provider.yaml.schema.json"]


@pytest.mark.parametrize("name", schemas())
def test_provider_info_fits_both_schemas(name: str) -> None:
    """Airflow skips a provider that does not; the second schema also requires what only its own ones have."""
    schema = json.loads((Path(airflow.__file__).parent / name).read_text())
    if name.startswith("provider.yaml"):
        schema = {
            "type": "object",
            "properties": schema["properties"],
            "definitions": schema.get("definitions", {}),
        }
    jsonschema.validate(INFO, schema)


def paths(value: Any) -> list[str]:
    """All dotted paths of ours that the provider info names."""
    if isinstance(value, str):
        return [value] if value.startswith("airflow_provider_checkly.") else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [path for item in inner for path in paths(item)]


def test_all_that_provider_info_names_is_there() -> None:
    assert len(paths(INFO)) >= 6
    for path in paths(INFO):
        module, _, name = path.rpartition(".")
        assert path in sys.modules or hasattr(import_module(module), name)


def test_airflow_lists_hook_and_link() -> None:
    """With another path or attribute, the form would not offer the connection type."""
    manager = ProvidersManager()
    hook = manager.hooks["checkly"]
    assert hook is not None
    assert hook.hook_class_name == "airflow_provider_checkly.hooks.ChecklyHook"
    assert hook.connection_id_attribute_name == ChecklyHook.conn_name_attr
    assert hook.hook_name == "Checkly"
    assert "airflow_provider_checkly.links.ChecklySessionLink" in manager.extra_links_class_names


def test_the_form_for_older_airflow() -> None:
    """Airflow 2 fails without all three keys; only it has the libraries for the widgets."""
    behaviour = ChecklyHook.get_ui_field_behaviour()
    assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
    assert behaviour["relabeling"]["password"] == "API key"
    assert {"get_ui_field_behaviour", "get_connection_form_widgets"} <= set(vars(ChecklyHook))


def test_widgets_for_older_airflow() -> None:
    pytest.importorskip("flask_appbuilder", reason="the form library of Airflow 2")
    assert set(ChecklyHook.get_connection_form_widgets()) == set(INFO["connection-types"][0]["conn-fields"])


def test_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class attribute, one fixed XCom key, and the link as the task pushed it."""
    (link,) = ChecklyRunChecksOperator.operator_extra_links
    assert ChecklyCheckSessionSensor.operator_extra_links == (link,)
    assert isinstance(link, ChecklySessionLink)
    assert (link.name, link.xcom_key) == ("Check session at Checkly", "checkly_link")
    pushed: Any = "https://app.checklyhq.com/x"
    monkeypatch.setattr("airflow_provider_checkly.links.XCom.get_value", lambda **_: pushed)
    assert link.get_link(ChecklyRunChecksOperator(task_id="t"), ti_key=TaskInstance()) == pushed  # type: ignore[arg-type]
    pushed = None
    assert link.get_link(ChecklyRunChecksOperator(task_id="t"), ti_key=TaskInstance()) == ""  # type: ignore[arg-type]


# Dependencies point one way: a module imports from the floors before its own only. `__init__` imports the
# connection inside a function.
FLOORS = [
    {"exceptions", "links", "emulator", "connection_cache", "ui"},
    {"api", "task_exceptions", "pytest_plugin", "retry_policy"},
    {"arguments", "airflow_workarounds", "connection"},
    {"gate", "check_selection", "test_session_options", "base_hook", "notifications"},
    {"lineage", "events", "health_wait", "junit", "status_hook", "shared_reads"},
    {"hooks"},
    {"status_watcher"},
    {"failure_report", "health_trigger", "maintenance", "reattach"},
    {"triggers"},
    {"failure_text"},
    {"base_checkly_operator"},
    {"base_operator", "availability"},
    {"base_run_operator", "base_sensor"},
    {"base_health_sensor"},
    {"operators", "sensors"},
    {"__init__"},
]


def imported(file: Path) -> set[str]:
    """What a module imports, but for its annotations."""
    names: set[str] = set()
    tree = ast.parse(file.read_text())
    typing = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]
    hidden = {id(inner) for block in typing for inner in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def ours(names: set[str]) -> set[str]:
    parts = [name.split(".") for name in names if name.startswith("airflow_provider_checkly.")]
    return {part[1] for part in parts} - {"__version__"}


def test_dependencies_point_one_way() -> None:
    known: set[str] = set()
    for floor in FLOORS:
        for name in floor:
            files = (
                [ROOT / f"{name}.py"] if (ROOT / f"{name}.py").exists() else list((ROOT / name).glob("*.py"))
            )
            assert files, f"{name} does not exist"
            for file in files:
                assert ours(imported(file)) <= known | {name}, f"{file.name} imports from a later floor"
        known |= floor
    modules = {file.stem for file in ROOT.glob("*.py")} | {
        folder.parent.name for folder in ROOT.glob("*/__init__.py")
    }
    assert modules == known


def test_the_api_knows_no_airflow_and_the_gate_no_hook() -> None:
    for file in [*(ROOT / "api").glob("*.py"), ROOT / "exceptions.py"]:
        assert not any(name.split(".")[0] == "airflow" for name in imported(file)), file.name
    for file in (ROOT / "gate").glob("*.py"):
        assert ours(imported(file)) <= {"api", "arguments", "exceptions", "gate"}, file.name


def test_no_task_is_ended_from_the_trigger() -> None:
    """A trigger that ended the task itself would skip the evaluation, XCom and retries."""
    names = {name.rpartition(".")[2] for file in ROOT.rglob("*.py") for name in imported(file)}
    assert not names & {"TaskSuccessEvent", "TaskFailedEvent", "TaskSkippedEvent", "StartTriggerArgs"}


def test_importing_operators_loads_no_http_library() -> None:
    code = (
        "import sys; from airflow.providers.common.compat.sdk import BaseHook, BaseSensorOperator, XCom\n"
        "from airflow.triggers.base import BaseTrigger; before = set(sys.modules)\n"
        "import airflow_provider_checkly.operators, airflow_provider_checkly.sensors\n"
        "print(sorted({'aiohttp', 'requests'} & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]", done.stdout
