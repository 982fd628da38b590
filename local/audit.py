"""`make security`: known vulnerabilities of what is pinned, asked of PyPI through pip-audit where it can be reached."""

import json
import subprocess
import sys

REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
UNREACHABLE = """Known vulnerabilities were NOT looked up: {reason}.
Run `make security` where https://pypi.org answers, before each release and each week (docs/security.md)."""


def main() -> int:
    """Print what is vulnerable; 1 if anything is."""
    flags = ["--require-hashes", "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    files = [part for name in REQUIREMENTS for part in ("--requirement", name)]
    asked = subprocess.run([sys.executable, "-m", "pip_audit", *flags, *files], capture_output=True, text=True)
    try:
        found = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        reason = (asked.stderr.strip() or "no answer").splitlines()[-1]
        print(UNREACHABLE.format(reason=reason[:200]), file=sys.stderr)
        return 0
    return _report([item for item in found if "vulns" in item], [item for item in found if "vulns" not in item])


def _report(audited: list[dict], skipped: list[dict]) -> int:
    if skipped:
        reason = f"the registry knows nothing of {len(skipped)} of {len(audited) + len(skipped)} packages"
        print(UNREACHABLE.format(reason=reason), file=sys.stderr)
    for item in audited:
        for vulnerability in item["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{item['name']} {item['version']}: {vulnerability['id']}, mended in {fixed}")
    if audited:
        print(f"{len(audited)} packages looked up")
    return int(any(item["vulns"] for item in audited))


if __name__ == "__main__":
    sys.exit(main())
