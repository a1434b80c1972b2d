"""A secret text that does not show itself."""

from __future__ import annotations

import hmac


class Secret:
    """Text that has no `repr`, compares in constant time and is shown only by `reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; every call site is a place where a secret leaves."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]  # a secret is never a key of anything

    def __repr__(self) -> str:
        """Say nothing."""
        return "Secret(...)"
