"""Airflow provider for Checkly: trigger checks, wait without a worker slot, gate on the result."""

__version__ = "0.1.0"
