"""What the journal holds of registrations beside their making and their sheets."""

from __future__ import annotations

import msgspec

from ca_core.audit.event import Event


class FieldChange(msgspec.Struct, frozen=True):
    """What a field held, and what it holds now, each as text."""

    field: str
    was: str
    now: str


class Amended(Event, frozen=True, tag="amended"):
    """An officer changed what is registered.

    Attributes:
        version: of the registration from now on.
    """

    version: int
    changes: tuple[FieldChange, ...]


class SheetActivated(Event, frozen=True, tag="sheet-activated"):
    """The machine secrets of a sheet work from now on."""

    number: int


class EnrollmentCodeAdded(Event, frozen=True, tag="enrollment-code-added"):
    """A registration got a further enrollment code, on the newest sheet.

    Attributes:
        code_id: its identity, which opens nothing.
        uses: None is unlimited.
        networks, profiles, names: its limits; empty for none.
    """

    code_id: str
    sheet: int
    uses: int | None
    expires_at: int
    networks: tuple[str, ...]
    profiles: tuple[str, ...]
    names: tuple[str, ...]


class EnrollmentCodeRotated(Event, frozen=True, tag="enrollment-code-rotated"):
    """An enrollment code got another secret in the old one's place; what it brought goes on."""

    code_id: str


class EnrollmentCodeRevoked(Event, frozen=True, tag="enrollment-code-revoked"):
    """An enrollment code was revoked; what it brought is not renewed by itself any more."""

    code_id: str


class SignedIn(Event, frozen=True, tag="signed-in"):
    """A subscriber or an officer began a session.

    Attributes:
        step: what the session is for: `signed-in`, or the step that is still missing.
    """

    step: str


class SignedOut(Event, frozen=True, tag="signed-out"):
    """A session was ended by who it was of."""


class PasswordSuspended(Event, frozen=True, tag="password-suspended"):
    """A password opens nothing any more, after several wrong ones in its place; only a new sheet ends that.

    Attributes:
        guesses: how many different ones.
    """

    guesses: int


class PasswordChanged(Event, frozen=True, tag="password-changed"):
    """A password was chosen; every other session of its registration is over.

    Attributes:
        is_first: whether it replaces the initial one of a sheet.
    """

    is_first: bool


class PasskeyAdded(Event, frozen=True, tag="passkey-added"):
    """Somebody registered a passkey.

    Attributes:
        passkey: the beginning of its identifier, in hex.
    """

    passkey: str
    label: str


class PasskeyRemoved(Event, frozen=True, tag="passkey-removed"):
    """A passkey opens nothing any more."""

    passkey: str
    label: str


class PasskeyRejected(Event, frozen=True, tag="passkey-rejected"):
    """A passkey's answer proved nothing.

    Attributes:
        why: `counter` where its counter did not grow, which a copied key shows; else `wrong`.
    """

    passkey: str
    why: str


class ImportBegun(Event, frozen=True, tag="import-begun"):
    """Many are being registered at once; each has events of its own, by the same actor.

    Attributes:
        key: what makes it the same import again; of a file, the SHA-256 of its content.
        run: 1 and up; of one that was taken up again, a higher one.
    """

    key: str
    realm: str
    run: int


class ImportEnded(Event, frozen=True, tag="import-ended"):
    """A run of an import has come to its end.

    Attributes:
        registered, waiting, new_sheets, passed_over, bad: lines, by what became of them; `new_sheets` were registered
            by an earlier run that could not hand their sheets over, `passed_over` were done by one.
    """

    key: str
    run: int
    registered: int
    waiting: int
    new_sheets: int
    passed_over: int
    bad: int
