"""What the results of probes below HTTP say: traceroute, gRPC, SSL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_provider_checkly.emulator.evidence import ADDRESS, HOST, assertion

if TYPE_CHECKING:
    from airflow_provider_checkly.emulator.checks import JSON
    from airflow_provider_checkly.emulator.evidence import Evidence

GRPC_PORT: Final = 50051
UNAVAILABLE: Final = 14
HEALTH: Final = {True: "SERVING", False: "NOT_SERVING"}


def traceroute_json(evidence: Evidence) -> dict[str, JSON]:
    """Show a traceroute (schema CheckResultTraceroute): a failed one ran out of hops."""
    reached = evidence.message is None
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
    }
    if not reached:
        response["truncationReason"] = "MAX_HOPS_REACHED"
    return {
        **ends,
        "timingPhases": {"dns": 3.1},
        "requestError": evidence.message if evidence.timed_out else None,
        "request": {"hostname": HOST, "maxHops": 30},
        "assertions": _asserted(evidence, "HOP_COUNT", "LESS_THAN", "20", hops),
        "response": response,
    }


def grpc_json(evidence: Evidence) -> dict[str, JSON]:
    """Show a gRPC call (schema CheckResultGrpc): a failed one found nobody listening."""
    fine = evidence.message is None
    code = 0 if fine else UNAVAILABLE
    timings: JSON = {"dns": 2.0, "connect": 8.0, "total": evidence.milliseconds}
    health: dict[str, JSON] = {"grpcStatusCode": code, "healthStatus": 1 if fine else None}
    return {
        **health,
        "timingPhases": timings,
        "requestError": evidence.message,
        "request": {"host": HOST, "port": GRPC_PORT, "grpcMode": "HEALTH"},
        "assertions": [assertion("GRPC_STATUS_CODE", "EQUALS", "0", code)] if fine else [],
        "response": {
            "grpcMode": "HEALTH",
            "host": HOST,
            "resolvedIp": ADDRESS,
            "port": GRPC_PORT,
            "grpcMethod": "grpc.health.v1.Health/Check",
            "responseMessage": "",
            "grpcStatusMessage": "OK" if fine else "UNAVAILABLE",
            "healthStatusLabel": HEALTH[fine],
            "metadata": [],
            "discoveredMethods": None,
            "requestError": evidence.message,
            "timingPhases": timings,
            **health,
        },
    }


def ssl_json(evidence: Evidence) -> dict[str, JSON]:
    """Show a TLS handshake (schema CheckResultSsl): a failed one met a certificate that had expired."""
    fine = evidence.message is None
    days = 61 if fine else -3
    shared: dict[str, JSON] = {
        "cipherSuite": "TLS_AES_256_GCM_SHA384",
        "daysUntilExpiry": days,
        "handshakeTimeMs": evidence.milliseconds,
        "chainTrusted": fine,
        "hostnameVerified": True,
    }
    return {
        "tlsVersion": "TLS1.3",
        **shared,
        "baselineVerdict": "pass" if fine else "fail",
        "baselineGrade": "A" if fine else "F",
        "failureCategory": "CERT_EXPIRED" if evidence.failed else None,
        "requestError": evidence.message if evidence.timed_out else None,
        "request": {"hostname": HOST, "port": 443},
        "assertions": _asserted(evidence, "CERT_EXPIRES_IN_DAYS", "GREATER_THAN", "14", days),
        "response": {**shared, **_certificate(evidence), "resolvedIp": ADDRESS, "protocol": "TLS1.3"},
    }


def _certificate(evidence: Evidence) -> dict[str, JSON]:
    found: dict[str, JSON] = {"subjectCN": HOST, "issuerCN": "Example CA R3", "keyAlgorithm": "ECDSA"}
    told: dict[str, JSON] = {
        "ocspStapled": False,
        "securityBaseline": None,
        "certificate": found,
        "chain": [],
    }
    if evidence.failed:
        told["chainTrustDetail"] = evidence.message
    return told


def _asserted(evidence: Evidence, source: str, comparison: str, target: str, actual: JSON) -> list[JSON]:
    """Show the one assertion of a probe; one that timed out came to none."""
    if evidence.timed_out:
        return []
    words = comparison.lower().replace("_", " ")
    error = f"expected {actual} to be {words} {target}" if evidence.failed else None
    return [assertion(source, comparison, target, actual, error=error)]
