"""Who speaks for the CA of a core."""

from __future__ import annotations

from pathlib import Path

from ca_core.errors import NotFound
from ca_core.policy.profile import OCSP_RESPONDER, Profile
from ca_core.registration.account import Registration
from ca_core.registration.desk import Form
from ca_core.registration.kind import SERVER
from ca_core.revocation.delegate import Delegates
from ca_core.secret import Secret
from tests.builders.core import PASSPHRASE, Core


def delegates(core: Core, folder: Path, *, profile: Profile = OCSP_RESPONDER, prefix: str = "ocsp") -> Delegates:
    """Who speaks for the CA of a core; there is one after the first turn."""

    async def registration() -> Registration:
        form = Form(SERVER.name, "CN=soapstone server", uses=None, account="soapstone", grants=(), language="en")
        try:
            return await core.desk.show("soapstone")
        except NotFound:
            return (await core.desk.register(form, actor="test"))[0]

    return Delegates(
        folder / "tls",
        enrollment=core.enrollment,
        registration=registration,
        revocations=core.revocations,
        authorities=core.authorities,
        clock=core.clock,
        passphrase=Secret(PASSPHRASE.decode()),
        profile=profile,
        prefix=prefix,
    )
