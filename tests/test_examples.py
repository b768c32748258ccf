"""The example DAGs; `make examples` and `make demo` run them."""

from __future__ import annotations

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
    """Pitfall 46."""
    monkeypatch.delenv("AIRFLOW_CONN_CHECKLY_DEFAULT", raising=False)
    asked: list[str] = []
    monkeypatch.setattr(BaseHook, "get_connection", classmethod(lambda _, conn_id: asked.append(conn_id)))
    module = load(file)
    assert asked == []
    assert module.__doc__


def test_five_ideas() -> None:
    assert len(FILES) >= 5
