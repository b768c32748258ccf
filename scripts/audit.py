"""Look up known vulnerabilities of all packages that the pins name: ``make audit``.

audit.py FILE...    (pins: names and versions)

Exit code 1 if there is one. Where the database of vulnerabilities cannot be reached, that is said, and
nothing fails: then nothing is known, which is no finding.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    """Return 1 if a package of a file has a known vulnerability."""
    return max(report(Path(name)) for name in sys.argv[1:])


def report(pins: Path) -> int:
    """Print what is known of the packages of one file."""
    found = audited(pins)
    known = [package for package in found if "skip_reason" not in package]
    for package in known:
        for each in package["vulns"]:
            mended = ", ".join(each["fix_versions"]) or "no release yet"
            print(f"{pins}: {package['name']} {package['version']}: {each['id']}, mended in {mended}")
    if not known:
        print(f"{pins}: NOT AUDITED, the database of vulnerabilities cannot be reached from here")
    else:
        print(f"{pins}: {len(known)} of {len(found)} packages audited")
    return int(any(package["vulns"] for package in known))


def audited(pins: Path) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package."""
    arguments = [
        "-r",
        str(pins),
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    command = [sys.executable, "-m", "pip_audit", *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own pins
    try:
        return list(json.loads(process.stdout)["dependencies"])
    except ValueError:
        print(*process.stderr.strip().splitlines()[-1:], file=sys.stderr)
        return []


if __name__ == "__main__":
    sys.exit(main())
