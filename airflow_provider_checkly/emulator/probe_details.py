"""The details of probes below HTTP: traceroute, gRPC, SSL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.result_details import HOST, assertion

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.http import JSON
    from airflow_provider_checkly.emulator.result_details import ResultContext

ADDRESS: Final = "203.0.113.10"
GRPC_PORT: Final = 50051
UNAVAILABLE: Final = 14


def traceroute_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a traceroute (schema CheckResultTraceroute); a failed one ran out of hops."""
    reached = run.message is None
    hops = 9 if reached else 30
    latency: JSON = {"avg_ms": 12.4, "best_ms": 11.9, "worst_ms": 13.3} if reached else None
    ends: dict[str, JSON] = {"totalHops": hops, "destinationReached": reached, "finalHopLatency": latency}
    response: dict[str, JSON] = {
        "hostname": HOST,
        "resolvedIp": ADDRESS,
        **ends,
        "hops": [{"hop_number": number, "main_ip": f"198.51.100.{number}"} for number in range(1, hops + 1)],
        "protocol": "ICMP",
        "probeProtocol": "ICMP",
        **({} if reached else {"truncationReason": "MAX_HOPS_REACHED"}),
    }
    return {
        **ends,
        "timingPhases": {"dns": 3.1},
        "requestError": run.message if run.timed_out else None,
        "request": {"hostname": HOST, "maxHops": 30},
        "assertions": _assertions(run, "HOP_COUNT", "LESS_THAN", "20", hops),
        "response": response,
    }


def grpc_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a gRPC call (schema CheckResultGrpc); a failed one could not connect."""
    good = run.message is None
    code = 0 if good else UNAVAILABLE
    timings: JSON = {"dns": 2.0, "connect": 8.0, "total": run.milliseconds}
    health: dict[str, JSON] = {"grpcStatusCode": code, "healthStatus": 1 if good else None}
    return {
        **health,
        "timingPhases": timings,
        "requestError": run.message,
        "request": {"host": HOST, "port": GRPC_PORT, "grpcMode": "HEALTH"},
        "assertions": [assertion("GRPC_STATUS_CODE", "EQUALS", "0", code)] if good else [],
        "response": {
            "grpcMode": "HEALTH",
            "host": HOST,
            "resolvedIp": ADDRESS,
            "port": GRPC_PORT,
            "grpcMethod": "grpc.health.v1.Health/Check",
            "responseMessage": "",
            "grpcStatusMessage": "OK" if good else "UNAVAILABLE",
            "healthStatusLabel": "SERVING" if good else "NOT_SERVING",
            "metadata": [],
            "discoveredMethods": None,
            "requestError": run.message,
            "timingPhases": timings,
            **health,
        },
    }


def ssl_json(run: ResultContext) -> dict[str, JSON]:
    """Return the details of a TLS handshake (schema CheckResultSsl); it fails on an expired certificate."""
    good = run.message is None
    days = 61 if good else -3
    shared: dict[str, JSON] = {
        "cipherSuite": "TLS_AES_256_GCM_SHA384",
        "daysUntilExpiry": days,
        "handshakeTimeMs": run.milliseconds,
        "chainTrusted": good,
        "hostnameVerified": True,
    }
    return {
        "tlsVersion": "TLS1.3",
        **shared,
        "baselineVerdict": "pass" if good else "fail",
        "baselineGrade": "A" if good else "F",
        "failureCategory": "CERT_EXPIRED" if run.failed else None,
        "requestError": run.message if run.timed_out else None,
        "request": {"hostname": HOST, "port": 443},
        "assertions": _assertions(run, "CERT_EXPIRES_IN_DAYS", "GREATER_THAN", "14", days),
        "response": {**shared, **_certificate(run), "resolvedIp": ADDRESS, "protocol": "TLS1.3"},
    }


def _certificate(run: ResultContext) -> dict[str, JSON]:
    return {
        "ocspStapled": False,
        "securityBaseline": None,
        "certificate": {"subjectCN": HOST, "issuerCN": "Example CA R3", "keyAlgorithm": "ECDSA"},
        "chain": [],
        **({"chainTrustDetail": run.message} if run.failed else {}),
    }


def _assertions(run: ResultContext, source: str, comparison: str, target: str, actual: JSON) -> list[JSON]:
    """Return the one assertion of a probe; one that timed out came to none."""
    if run.timed_out:
        return []
    words = comparison.lower().replace("_", " ")
    error = f"expected {actual} to be {words} {target}" if run.failed else None
    return [assertion(source, comparison, target, actual, error=error)]
