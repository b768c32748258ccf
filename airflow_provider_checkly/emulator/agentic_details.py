"""What the result of an agentic check says: prompt, steps, and what the model made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.results import timestamp

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.evidence import Evidence

PROMPT: Final = "Put a product in the cart, check out as a guest and wait for the order confirmation."


def agentic_json(evidence: Evidence) -> dict[str, JSON]:
    """Show it (schema CheckResultAgentic)."""
    errors: list[JSON] = [{"error": {"message": evidence.message}}] if evidence.message else []
    return {
        "summary": evidence.message or "The order was placed and confirmed.",
        "prompt": PROMPT,
        "assertions": [] if evidence.timed_out else [_assertion(passed=not evidence.failed)],
        "suggestions": [],
        "steps": _steps(evidence),
        "errors": errors,
        "artifactManifest": {"failed.png": "The page at the end"} if errors else None,
    }


def _assertion(*, passed: bool) -> dict[str, JSON]:
    seen = "an order confirmation" if passed else "a form with a spinner that never ends"
    wanted = "an order confirmation"
    return {"condition": "The order is confirmed", "passed": passed, "expected": wanted, "actual": seen}


def _steps(evidence: Evidence) -> list[JSON]:
    at = timestamp(evidence.result.started_at)
    call: dict[str, JSON] = {"type": "tool_call", "name": "browser.open", "input": {"url": evidence.url}}
    result: dict[str, JSON] = {"type": "tool_result", "name": "browser.open", "output": "200 OK"}
    return [
        {**step, "timestamp": at, "sequenceNumber": number} for number, step in enumerate((call, result), 1)
    ]
