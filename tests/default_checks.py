"""Ids of the emulator's default checks, and one that no account knows."""

from __future__ import annotations

CHECK_ID = "c0000000-0000-4000-8000-{:012}".format
PASSES = CHECK_ID(1)
FAILS = CHECK_ID(3)
DEGRADED = CHECK_ID(4)
NEVER_ENDS = CHECK_ID(7)
HEARTBEAT = CHECK_ID(16)
UNKNOWN = "dddddddd-0000-4000-8000-000000000001"
