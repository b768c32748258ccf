"""Values that DAG files only refer to: of Airflow variables and connections, masked in every log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseHook, Variable, mask_secret

from airflow_provider_checkly.api.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping


def resolve(references: Mapping[str, str], argument: str) -> dict[str, str]:
    """Return the values that `variable:NAME` and `connection:CONN_ID` (its password) stand for.

    :raises InvalidInput: a reference has another form, or stands for nothing.
    """
    return {key: _value(reference, f"{argument}: {key}") for key, reference in references.items()}


def _value(reference: str, where: str) -> str:
    kind, _, name = str(reference).partition(":")
    if kind not in {"variable", "connection"} or not name:
        raise InvalidInput(
            f"{where} must refer to a secret as 'variable:NAME' or 'connection:CONN_ID' (its password), "
            f"so that no secret stands in the DAG file."
        )
    value = Variable.get(name, None) if kind == "variable" else BaseHook.get_connection(name).password
    if not value:
        raise InvalidInput(f"{where} refers to {kind} {name!r}, which holds no value.")
    mask_secret(value)
    return str(value)
