"""Gates: which outcomes of checks let a task pass. Pure: no hook, no requests, no Airflow."""

from __future__ import annotations

from airflow_provider_checkly.gate.rules import Gate

__all__ = ["Gate"]
