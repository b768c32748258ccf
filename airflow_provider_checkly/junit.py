"""Sessions as JUnit XML, for tools that show test reports; needs the extra `junit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_checkly.api import models
from airflow_provider_checkly.api.text import one_line
from airflow_provider_checkly.gate.check_results import collect, rank, result_statuses
from airflow_provider_checkly.gate.result_details import response_time, run_location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from junitparser import TestCase

    from airflow_provider_checkly.api.http import JsonObject
    from airflow_provider_checkly.gate.check_results import CheckOutcome


def junit_xml(sessions: Iterable[Mapping[str, Any]]) -> str:
    """Return JUnit XML: one test case per check and location.

    FAILED is a failure; all else that is neither PASSED nor DEGRADED is an error.

    :param sessions: check sessions or test sessions that have ended, as operators and hook return them.
    :raises ImportError: the extra is not installed: `pip install 'airflow-provider-checkly[junit]'`.
    """
    from junitparser import JUnitXml, TestSuite  # noqa: PLC0415 - an optional extra

    suite = TestSuite("Checkly")
    for check in collect(map(dict, sessions)):
        suite.add_testcases(list(_cases(check)))
    report = JUnitXml()
    report.add_testsuite(suite)
    text: bytes = report.tostring()
    return text.decode()


def _cases(check: CheckOutcome) -> Iterator[TestCase]:
    """Make a case of each result, and of the check itself where none shows how it ended."""
    worst, shown = check.worst(), {"PASSED"} if check.results else set[str]()
    for result in filter(None, check.results):
        status = _status(result, worst)
        shown.add(status)
        yield _case(check.name, run_location(result), status, response_time(result))
    if worst not in shown:
        yield _case(check.name, "all locations", worst, None)


def _status(result: JsonObject, worst: str) -> str:
    said = one_line(result.get("status"))
    status = min(result_statuses(result, said or "PASSED"), key=rank)
    return worst if status == "FAILED" and not said and worst not in models.GOOD else status


def _case(check: str, location: str, status: str, milliseconds: float | None) -> TestCase:
    from junitparser import Error, Failure, TestCase  # noqa: PLC0415 - an optional extra

    seconds = None if milliseconds is None else milliseconds / 1000
    case = TestCase(one_line(location), one_line(check), seconds)
    if status not in models.GOOD:
        kind = Failure if status == "FAILED" else Error
        case.result = [
            kind(f"{one_line(check)} {one_line(status)} in {one_line(location)}", one_line(status))
        ]
    return case
