"""What a lint says that finds something."""

from __future__ import annotations


class LintFailed(Exception):
    """What was about to be signed is not what was granted: our bug, and no user's refusal."""


def require(fact: bool, finding: str) -> None:  # noqa: FBT001  # reads as the fact that it demands
    """Raise a finding unless something is as it must be.

    Raises:
        LintFailed: the finding.
    """
    if not fact:
        raise LintFailed(finding)
