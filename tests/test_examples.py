"""The example DAGs; `make examples` and `make demo` run them."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import BaseHook

if TYPE_CHECKING:
    from types import ModuleType

FILES = sorted((Path(__file__).parent.parent / "example_dags").glob("*.py"))


def load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{file.stem}", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_parsing_looks_nothing_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow parses DAGs all the time, so a connection must not be looked up there."""
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT", raising=False)
    asked: list[str] = []
    monkeypatch.setattr(BaseHook, "get_connection", classmethod(lambda _, conn_id: asked.append(conn_id)))
    module = load(file)
    assert asked == []
    assert module.__doc__


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_dag_has_a_description(file: Path) -> None:
    """Airflow's UI shows it beside the name."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    (dag,) = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "DAG")
    assert "description" in {keyword.arg for keyword in dag.keywords}


def test_every_example_is_in_the_readme() -> None:
    readme = (FILES[0].parent.parent / "README.md").read_text()
    assert [file.name for file in FILES if f"example_dags/{file.name}" not in readme] == []
