"""Airflow provider for Checkly: trigger checks, wait without a worker slot, gate on the result."""

from __future__ import annotations

__version__ = "0.1.0"
GUIDES = "index connection operators sensors gates health watchers maintenance heartbeats hook recipes"

SHOW_TAB = {
    "description": (
        'Show the tab "Checkly" on all DAGs and tasks. Airflow 3.4 and newer show it without this, '
        'on tasks of this provider and on DAGs with the tag "checkly"; older versions do not.'
    ),
    "version_added": "0.1.0",
    "type": "boolean",
    "example": None,
    "default": "False",
}
INITIAL_WAIT = {
    "description": (
        "Seconds for which a deferrable task waits on its worker before it defers. Checks that end in that "
        "time need no deferral; 0 defers at once. The default is what a deferral takes at least: 10 on "
        "Airflow 3.1 to 3.3, 2 before."
    ),
    "version_added": "0.1.0",
    "type": "float",
    "example": "20",
    "default": None,
}


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
        "description": "Run Checkly checks (https://www.checklyhq.com), wait, and gate on the result.",
        "versions": [__version__],
        "integrations": [
            {
                **integration,
                "external-doc-url": "https://www.checklyhq.com/docs",
                "how-to-guide": [f"/docs/{page}.md" for page in GUIDES.split()],
                "logo": "/integration-logos/checkly.svg",
                "tags": ["service"],
            }
        ],
        **modules,
        "config": {
            "checkly": {
                "description": "How tasks wait for Checkly, and how it looks in Airflow's UI.",
                "options": {"initial_wait": INITIAL_WAIT, "show_tab": SHOW_TAB},
            }
        },
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
