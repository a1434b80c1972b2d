"""What keeps programs from trying passwords: a proof of work, or the digits of a picture (RULES, S4).

A challenge names nobody, is good for five minutes and for one answer. Which ones were answered is written down in the
store, so that no worker and no server takes an answer twice.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import NamedTuple

import altcha

from ca_core.clock import Clock
from ca_core.registration.credential import SecretKeeper
from ca_core.store import spent_marks
from ca_core.store.database import Database
from server.portal.gate_pictures import Codes
from server.setting_tables import GateKind
from server.web.forms import Posted

LIFETIME_SECONDS = 300
WORK, PICTURE, CODE = "work", "picture", "code"
"""The fields of the sign-in form."""
_ALGORITHM, _COST = "PBKDF2/SHA-256", 2_000
_FEWEST, _MOST = 100, 400
"""How many keys a browser derives before it comes upon the right one: half a second of a telephone."""
_LONGEST = 4_096
_ENDS = "ends"
# What somebody sends is taken apart by the library, which trusts its shape.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Asked(NamedTuple):
    """What the sign-in form asks.

    Attributes:
        work: altcha's challenge in JSON; empty where there is none.
        picture: names the picture; empty where there is none.
    """

    work: str
    picture: str


class Gate:
    """Asks, and looks at answers.

    Args:
        codes: the digits that pictures show.
    """

    def __init__(self, database: Database, clock: Clock, keeper: SecretKeeper, kind: GateKind, codes: Codes) -> None:
        self._database = database
        self._clock = clock
        self._kind = kind
        self._codes = codes
        self._challenges = keeper.key_from(b"soapstone gate challenge")
        self._solutions = keeper.key_from(b"soapstone gate solution")

    def asked(self, *, wants_picture: bool = False) -> Asked:
        """Something new to answer.

        Args:
            wants_picture: whether somebody would rather read digits than have the browser work. Where it cannot run
                our script, it shows the picture in any case.
        """
        if self._kind is GateKind.OFF:
            return Asked("", "")
        ends_at = self._clock.now() + LIFETIME_SECONDS
        is_read = wants_picture or self._kind is GateKind.PICTURE
        return Asked("" if is_read else self._challenge(ends_at), self._codes.new(ends_at))

    async def is_passed(self, form: Posted) -> bool:
        """Whether a form brings a right answer, for the first time; a wrong one of a picture's is its only one."""
        if self._kind is GateKind.OFF:
            return True
        if form.get(CODE):
            return await self._is_read(form.get(PICTURE), form.get(CODE))
        return self._kind is GateKind.PROOF_OF_WORK and await self._is_worked(form.get(WORK))

    def _challenge(self, ends_at: int) -> str:
        made = altcha.create_challenge(
            _ALGORITHM,
            _COST,
            counter=_FEWEST + secrets.randbelow(_MOST - _FEWEST),
            # In its own field, the library would compare it with the machine's clock.
            data={_ENDS: ends_at},
            hmac_secret=self._challenges,
            hmac_key_secret=self._solutions,
        )
        return json.dumps(made.to_dict(), separators=(",", ":"))

    async def _is_worked(self, answer: str) -> bool:
        if not answer or len(answer) > _LONGEST:
            return False
        try:
            payload = altcha.Payload.from_base64(answer)
            found = altcha.verify_solution(payload, self._challenges, hmac_key_secret=self._solutions)
            ends_at = int((payload.challenge.parameters.data or {})[_ENDS]) if found.verified else 0
        except _UNREADABLE:
            return False
        return await self._is_first(str(payload.challenge.signature), ends_at)

    async def _is_read(self, picture: str, typed: str) -> bool:
        code = self._codes.read(picture)
        if code is None:
            return False
        # Spent before it is compared: who guesses has one guess for each picture.
        return await self._is_first(picture, code.ends_at) and code.is_shown(typed)

    async def _is_first(self, challenge: str, ends_at: int) -> bool:
        now = self._clock.now()
        if now > ends_at:
            return False
        async with self._database.write() as tx:
            return await spent_marks.spend(tx, hashlib.sha256(challenge.encode()).digest(), ends_at=ends_at)
