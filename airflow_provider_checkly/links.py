"""The button on a task's page that leads to Checkly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

LINK_KEY: Final = "checkly_link"


class ChecklySessionLink(BaseOperatorLink):
    """Link to the first failing check session, else to the first."""

    @property
    def name(self) -> str:
        """The text of the button."""
        return "Check session at Checkly"

    @property
    def xcom_key(self) -> str:
        """The XCom that Airflow 3 reads the link from; it is there before the wait begins."""
        return LINK_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """Return the link of one task instance, "" where there is none yet."""
        return XCom.get_value(key=LINK_KEY, ti_key=ti_key) or ""


class ChecklyCheckLink(ChecklySessionLink):
    """Link to the first check that is not healthy, else to the first."""

    @property
    def name(self) -> str:
        """The text of the button."""
        return "Check at Checkly"
