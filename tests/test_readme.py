"""What the README shows can be run, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow.providers.common.compat import sdk
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

import airflow_provider_checkly
from airflow_provider_checkly.connection import FORM_FIELDS

PACKAGE = Path(airflow_provider_checkly.__file__).parent
ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_runs(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "DAG(" in code and not AIRFLOW_V_3_0_PLUS:
        pytest.skip("Airflow 2 wants a start_date beside a schedule")
    portable = code.replace("from airflow.sdk import", f"from {sdk.__name__} import")
    exec(compile(portable, "README.md", "exec"), {})  # noqa: S102 - our own README
    assert "password" in capsys.readouterr().out or "DAG(" in code or "def test_" in code


def test_links_lead_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    for link in links:
        assert (ROOT / link).exists() or (PACKAGE.parent / link).exists(), link


def test_every_extra_is_named() -> None:
    for name in FORM_FIELDS:
        assert f"extra `{name}`" in README


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.findall(r"\b(?:TODO|TBD|TESTS\d+)\b", README)
