"""Airflow provider for Checkly: trigger checks, wait without a worker slot, gate on the result."""

from __future__ import annotations

__version__ = "0.1.0"


def get_provider_info() -> dict[str, object]:
    """Return what Airflow's providers manager registers (entry point `apache_airflow_provider`)."""
    from airflow_provider_checkly.connection import FORM_BEHAVIOUR, FORM_FIELDS, TYPE  # noqa: PLC0415

    integration = {"integration-name": "Checkly"}
    modules = {
        kind: [{**integration, "python-modules": [f"{__name__}.{kind}"]}]
        for kind in ("hooks", "operators", "sensors", "triggers")
    }
    return {
        "package-name": "airflow-provider-checkly",
        "name": "Checkly",
        "description": "[Checkly](https://www.checklyhq.com): trigger checks, wait, gate on the result.",
        "versions": [__version__],
        "integrations": [
            {**integration, "external-doc-url": "https://www.checklyhq.com/docs", "tags": ["service"]}
        ],
        **modules,
        "notifications": [f"{__name__}.notifications.ChecklyHeartbeatNotifier"],
        "extra-links": [f"{__name__}.links.ChecklySessionLink", f"{__name__}.links.ChecklyCheckLink"],
        "connection-types": [
            {
                "connection-type": TYPE,
                "hook-class-name": f"{__name__}.hooks.ChecklyHook",
                "ui-field-behaviour": FORM_BEHAVIOUR,
                "conn-fields": FORM_FIELDS,
            }
        ],
    }
