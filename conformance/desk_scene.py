"""A registration authority in the middle of its day: somebody in every state, and something that waits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from conformance import acme
from conformance.browser import Browser, Officer
from conformance.clients.device import Device
from conformance.house import House

SETTINGS = (
    "kinds.partner.approvals.register=1",
    "kinds.organization.revocation=review",
    "profiles.device.approval=first",
)
PERSON, FIRM, PARTNER, METER, SUSPENDED, CLOSED = "wang-1", "shop-1", "panel-1", "meter-1", "lin-1", "old-1"
"""Accounts; each has a digit, as officers have: by it a part of a path is known as somebody's, not as a page's name."""
_SECONDS = 30


class Scene:
    """Who works here, and what they find.

    Attributes:
        alice: an officer, who has asked for the partner's registration.
        bob: another officer, for whom it waits.
        carol: a supervisor.
        folder: for what clients keep.
    """

    def __init__(self, house: House, browser: Browser, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.alice, self.bob = (browser.take_on(name) for name in ("alice-1", "bob-2"))
        self.carol: Officer = browser.take_on("carol-3", "supervisor")
        self._people()
        self._firm()
        self._meter()

    def waiting(self, account: str) -> int:
        """The number of what waits for an officer of an account, once it is there."""
        deadline = time.monotonic() + _SECONDS
        while True:
            listed: list[dict[str, Any]] = json.loads(self.house.command("requests", "list", "--json"))
            found = [one["request"] for one in listed if one["account"] == account]
            if found:
                return int(found[0])
            assert time.monotonic() < deadline, f"no request of {account} within {_SECONDS} s"
            time.sleep(0.2)

    def _people(self) -> None:
        contact = ("--contact-name", "王小明", "--contact-email", "wang@example.com", "--phone", "02-1234-5678")
        person = ("--kind", "person", "--subject", "CN=王小明,O=範例股份有限公司,C=TW", *contact)
        sheet = self.house.register(*person, "--account", PERSON)
        for profile in ("signing", "encryption"):
            assert Device(self.house, self.folder / profile).enroll(sheet, profile) == 200
        (signing,) = [one for one in self.house.certificates(PERSON) if one["profile"] == "signing"]
        self.house.command("revoke", signing["serial"], "--reason", "keyCompromise", "--note", "laptop stolen")
        for account, status in ((SUSPENDED, "suspend"), (CLOSED, "close")):
            self.house.register("--kind", "person", "--subject", f"CN={account},C=TW", "--account", account)
            self.house.command(status, account)

    def _firm(self) -> None:
        """Two certificates, of which one is to be revoked, if an officer agrees."""
        names = ("--dns", "www.shop.example", "--dns", "mail.shop.example")
        sheet = self.house.register(
            *("--kind", "organization", "--subject", "CN=Shop,O=Shop Ltd,C=TW", "--account", FIRM, *names)
        )
        client = acme.Client(self.house)
        assert client.new_account(sheet["eab"]).status == 201
        client.certificate("www.shop.example")
        _, der = client.certificate("mail.shop.example")
        client.post(client.directory["revokeCert"], {"certificate": acme.b64(der), "reason": 4})

    def _meter(self) -> None:
        """A device whose certificate waits for an officer."""
        sheet = self.house.register("--kind", "device", "--subject", "CN=meter-1,O=Fleet,C=TW", "--account", METER)
        assert Device(self.house, self.folder / "meter").enroll(sheet) == 202
