"""Lint before sign, the second reader: pkilint looks at each shape of certificate once (DESIGN, invariant 3)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

from cryptography.hazmat.primitives.asymmetric import rsa

from ca_core import der
from ca_core.issuance.lint import LintFailed
from ca_core.issuance.put_off import put_off
from ca_core.issuance.shape import Shape
from ca_core.policy.key_types import key_name
from ca_core.policy.profile import ExtendedUsage
from ca_core.signing.software import KeyKind, PrivateKey, PublicKey, SoftwareKey, generate

MOST_SHAPES = 4096
_TLS_SERVER = frozenset({ExtendedUsage.SERVER_AUTH})
# A linter computes for milliseconds, and another thread waits as long for the interpreter as this says.
_SWITCH_SECONDS = 0.0005
_KINDS: dict[str, KeyKind] = {kind: kind for kind in get_args(KeyKind)}


class Linter:
    """Remembers the shapes that passed, for as long as the process lives, and so its version of pkilint.

    A shape that does not pass is linted anew each time: it is our bug, and rare.
    """

    def __init__(self, *, most: int = MOST_SHAPES) -> None:
        self._most = most
        self._passed: dict[Shape, None] = {}
        self._throwaway: dict[str, SoftwareKey] = {}
        # One at a time: of a hundred first requests of one shape, one is linted.
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """Load pkilint before somebody waits for it."""
        async with self._turn:
            await asyncio.to_thread(_load)

    async def require(self, shape: Shape, tbs: bytes, ca_key: PublicKey) -> None:
        """Let only a certificate pass whose shape has no finding of severity error.

        The to-be-signed bytes are linted under the signature of a key that is thrown away, of the CA key's kind:
        lengths and identifiers are those that there will be, and nothing leaves that the CA would have to revoke.

        Raises:
            LintFailed: the findings.
        """
        if shape in self._passed:
            return
        async with self._turn:
            if shape not in self._passed:
                await asyncio.to_thread(self._require, shape, tbs, ca_key)
                self._remember(shape)

    def _remember(self, shape: Shape) -> None:
        if len(self._passed) >= self._most:
            del self._passed[next(iter(self._passed))]
        self._passed[shape] = None

    def _require(self, shape: Shape, tbs: bytes, ca_key: PublicKey) -> None:
        key = self._throwaway_key(ca_key)
        certificate = der.assemble(tbs, key.algorithm, key.sign_at_once(tbs))
        for_tls_servers = shape.profile.extended_key_usage == _TLS_SERVER
        if found := _findings(certificate, for_tls_servers=for_tls_servers):
            raise LintFailed("; ".join(found))

    def _throwaway_key(self, ca_key: PublicKey) -> SoftwareKey:
        name = key_name(ca_key)
        if name not in self._throwaway:
            self._throwaway[name] = SoftwareKey(_alike(name, ca_key))
        return self._throwaway[name]


def _alike(name: str, ca_key: PublicKey) -> PrivateKey:
    if isinstance(ca_key, rsa.RSAPublicKey):
        # Also of sizes that are never made here, but come with a CA that was made elsewhere.
        return rsa.generate_private_key(public_exponent=65537, key_size=ca_key.key_size)
    return generate(_KINDS[name])


def _load() -> None:
    with _yielding():
        # The languages of qualified certificates' statements: a third of the time, for what is hardly ever there.
        put_off("iso639")
        # The rest is a quarter of a second, which only who issues has to spend.
        from ca_core.issuance import rules  # noqa: F401, PLC0415  # as it says


def _findings(certificate: bytes, *, for_tls_servers: bool) -> list[str]:
    _load()
    with _yielding():
        from ca_core.issuance import rules  # noqa: PLC0415  # as above

        return rules.errors(certificate, for_tls_servers=for_tls_servers)


@contextmanager
def _yielding() -> Iterator[None]:
    """Hand the interpreter over to the event loop quickly while this thread computes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
