"""OpenLineage: what a gate found, as the run facet `test`.

Source: `TestRunFacet` of openlineage-python 1.47, which the SQL operators of Airflow emit for their checks.
Nothing of OpenLineage is imported where it is not installed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow.providers.common.compat.openlineage.check import require_openlineage_version
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_checkly.api.text import http_url, one_line
from airflow_provider_checkly.gate.result_details import milliseconds, run_location

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.facet_v2 import test_run

    from airflow_provider_checkly.gate.check_results import CheckOutcome
    from airflow_provider_checkly.gate.evaluation import Evaluation

    Lineage: TypeAlias = OperatorLineage[Any, Any]

log = logging.getLogger(__name__)


def operator_lineage(evaluation: Evaluation | None) -> Lineage | None:
    """Return one test per check; None if there is no check, or no OpenLineage that knows of tests."""
    if evaluation is None or not evaluation.checks:
        return None
    try:
        found: Lineage = _lineage(evaluation)
    except AirflowOptionalProviderFeatureException as error:
        log.debug("OpenLineage is not told of the checks: %s", error)
        return None
    return found


@require_openlineage_version(provider_min_version="2.0.0", client_min_version="1.47.0")  # type: ignore[untyped-decorator]
def _lineage(evaluation: Evaluation) -> Lineage:
    from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415
    from openlineage.client.facet_v2 import test_run  # noqa: PLC0415

    expected = "; ".join(rule.required for rule in evaluation.rules)
    tests = [_test(check, expected) for check in evaluation.checks]
    return OperatorLineage(run_facets={"test": test_run.TestRunFacet(tests=tests)})


def _test(check: CheckOutcome, expected: str) -> test_run.TestExecution:
    """Return a check as a test; a failure that the gate tolerates only warns."""
    from openlineage.client.facet_v2 import test_run  # noqa: PLC0415

    took = [] if check.slowest is None else [milliseconds(check.slowest)]
    return test_run.TestExecution(
        name=one_line(check.name),
        status="pass" if check.severity == "passed" else "fail",
        severity="warn" if check.severity in {"warning", "tolerated"} else "error",
        type=one_line(check.check_type).lower() or None,
        expected=expected,
        actual="; ".join([check.status, *(check.reasons or took)]),
        params={
            "check_id": check.check_id or None,
            "link": http_url(check.link) or None,
            "locations": sorted({run_location(result) for result in check.results}),
        },
    )
