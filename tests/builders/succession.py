"""A house with several CAs: the ceremony's, and those that a test makes."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.issuance.elsewhere import Elsewhere
from ca_core.issuance.rotation import Rotation
from ca_core.issuance.succession import Strongbox, Succession
from ca_core.signing.key import open_key
from ca_core.signing.software import KeyKind, generate, write_key
from ca_core.store.authorities import Row
from tests.builders.core import PASSPHRASE, Core, core


@dataclass(frozen=True)
class Dynasty:
    """The CAs of a core, as they follow each other."""

    core: Core
    folder: Path
    succession: Succession
    rotation: Rotation
    elsewhere: Elsewhere

    def restarted(self) -> Succession:
        """What the next process would read."""
        return Succession(self.core.database, self.core.clock, strongbox(self.folder))


def strongbox(folder: Path) -> Strongbox:
    def make_key(name: str, kind: KeyKind, uri: str | None) -> str:
        if uri is not None:
            return uri
        file = f"{name}-{secrets.token_hex(2)}.key"
        write_key(folder / file, generate(kind), PASSPHRASE)
        return f"file:{file}"

    return Strongbox(
        open_key=lambda uri, expected: open_key(uri, PASSPHRASE, folder, expected=expected),
        make_key=make_key,
        crl_url=lambda name: f"http://ca.example/crl/{name}.crl",
        ca_url=lambda name: f"http://ca.example/ca/{name}.cer",
        ocsp_url="http://ca.example/ocsp",
    )


@asynccontextmanager
async def dynasty(folder: Path) -> AsyncIterator[Dynasty]:
    """A core whose CAs are in the store."""
    async with core(folder) as opened:
        succession = Succession(opened.database, opened.clock, strongbox(folder))
        made = {"root": opened.authority.root, "issuing": opened.authority.issuing}
        await succession.adopt(
            [
                Row(name, name, "root", f"file:authority/{name}.key", one.public_bytes(Encoding.DER), None, 0)
                for name, one in made.items()
            ]
        )
        rotation = Rotation(opened.database, opened.clock, succession, actor="test")
        elsewhere = Elsewhere(opened.database, opened.clock, succession, actor="test")
        yield Dynasty(opened, folder, succession, rotation, elsewhere)
