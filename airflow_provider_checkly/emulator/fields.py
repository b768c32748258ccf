"""The fields of a JSON object in a request, each wrong one a 400 that names it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from airflow_provider_checkly.emulator.answers import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_checkly.emulator.checks import JSON


class Fields:
    """An object and its name, as in `metadata`; an empty name is the body itself."""

    def __init__(self, value: JSON, name: str = "") -> None:
        if not isinstance(value, dict):
            raise Problem(
                400, f'"{name}" must be an object.' if name else "The request body must be an object."
            )
        self.values = value
        self._name = name

    def given(self, name: str) -> JSON:
        """Read whatever it is, which must be given."""
        if name not in self.values:
            raise Problem(400, f'"{self.path(name)}" is required.')
        return self.values[name]

    def needed(self, name: str) -> str:
        """Read a text that must be given and not be empty."""
        value = self.given(name)
        if not isinstance(value, str) or not value:
            raise self.bad(name, "be a string that is not empty")
        return value

    def text(self, name: str) -> str | None:
        """Read a text, which may be empty or null."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, str):
            raise self.bad(name, "be a string")
        return value

    def flag(self, name: str, *, required: bool = False) -> bool:
        """Read true or false, false if it is not given."""
        value = self.given(name) if required else self.values.get(name, False)
        if not isinstance(value, bool):
            raise self.bad(name, "be a boolean")
        return value

    def number(
        self, name: str, default: float, lowest: float = -math.inf, highest: float = math.inf
    ) -> float:
        """Read a number."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise self.bad(name, f"be a number from {lowest} to {highest}")
        return value

    def word(self, name: str, words: Sequence[str]) -> str:
        """Read one of several words, which must be given."""
        value = self.given(name)
        if not isinstance(value, str) or value not in words:
            raise self.bad(name, f"be one of [{', '.join(words)}]")
        return value

    def items(self, name: str, highest: float = math.inf) -> list[JSON]:
        """Read a list, an empty one if it is not given."""
        value = self.values.get(name, [])
        if not isinstance(value, list) or len(value) > highest:
            raise self.bad(name, f"be an array of up to {highest}")
        return value

    def inner(self, name: str) -> Fields | None:
        """Read an object."""
        return Fields(self.values[name], self.path(name)) if name in self.values else None

    def path(self, name: str) -> str:
        """Give the whole name of a field."""
        return f"{self._name}.{name}" if self._name else name

    def bad(self, name: str, wanted: str) -> Problem:
        """Say what a field must be."""
        return Problem(400, f'"{self.path(name)}" must {wanted}.')
