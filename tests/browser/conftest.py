"""A whole Airflow and a browser; these tests run only where they are asked for by name, as `make browser` does."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
sys.path.append(str(ROOT / "scripts"))

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave these tests out unless they are named."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True
