"""A local Checkly: `python -m airflow_provider_checkly.emulator`, or `with Emulator()` in a test."""

from airflow_provider_checkly.emulator.background import Emulator
from airflow_provider_checkly.emulator.checks import Check
from airflow_provider_checkly.emulator.fleet import DEFAULT_FLEET
from airflow_provider_checkly.emulator.records import Record

__all__ = ["DEFAULT_FLEET", "Check", "Emulator", "Record"]
