"""A local Checkly: `python -m airflow_provider_checkly.emulator`, or `with Emulator()` in a test.

It shares no code with the client, on purpose: a mistake in shared code would be made on both sides, and the
tests of one against the other would not see it. JSON, UUIDs and status words are therefore written twice.
"""

from airflow_provider_checkly.emulator.checks import Check
from airflow_provider_checkly.emulator.controls import Record
from airflow_provider_checkly.emulator.default_checks import DEFAULT_CHECKS
from airflow_provider_checkly.emulator.emulator import Emulator

__all__ = ["DEFAULT_CHECKS", "Check", "Emulator", "Record"]
