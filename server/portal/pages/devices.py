"""Devices and programs: keys and codes of one's own, limited, shown once, rotated, revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.applicant import Door
from ca_core.errors import BadName, BadRequest, NameNotGranted, NotFound, ProfileNotGranted, WrongSecret, WrongState
from ca_core.names import Kind
from ca_core.registration.credential import Credential, CredentialKind
from ca_core.registration.eab_desk import EabForm
from ca_core.secret import Secret
from ca_core.store.uses import MOST_COUNTED
from ca_core.subscriber.devices import MOST_LIVE, OVERLAP_SECONDS, Devices, Held
from protocols.acme import deactivation
from protocols.acme.objects import Account
from protocols.acme.records import accounts
from protocols.acme.records.accounts import LastUse
from protocols.wire import Reply
from server.portal import recipes
from server.portal.route import PortalRoute
from server.portal.visit import HEADERS, Visit, see_other
from server.portal.words import phrase
from server.web.forms import NOTHING, Posted

_PLACE = "/devices"
_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3600
_MOST_DIGITS = 6
_MOST_OVER = 50
"""How many are shown that are of no use any more."""
_KEY, _CODE = "key", "code"
_WHAT: Mapping[str, CredentialKind] = {_KEY: CredentialKind.EAB_KEY, _CODE: CredentialKind.ENROLLMENT_CODE}
_NO_NUMBER = phrase("Write a whole number, 1 or more.")
_NO_PASSWORD = phrase("The password is not right.")
_NO_PROFILE = phrase("This profile is not one of yours.")
_NO_NAMES = phrase("One of these names cannot be read, or is not registered for you.")
_NO_NETWORKS = phrase("One of these is no network, there are too many of them, or what it is called is too long.")
_STATES: Mapping[str, str] = {
    "active": phrase("works"),
    "dormant": phrase("waits for the sheet to be activated"),
    "revoked": phrase("revoked"),
    "spent": phrase("used up"),
    "expired": phrase("expired"),
}
_ACCOUNTS: Mapping[str, str] = {
    "valid": phrase("works"),
    "deactivated": phrase("deactivated"),
    "revoked": phrase("revoked"),
}
_DONE: Mapping[str, str] = {
    "revoked": phrase(
        "It is revoked: nothing more is issued by it. Certificates that it brought stay valid until they end or are"
        " revoked."
    ),
    "deactivated": phrase("The ACME account is deactivated: it can do nothing any more."),
}


def devices(visit: Visit) -> Devices:
    """What a subscriber does with them."""
    office = visit.office
    return Devices(
        office.database,
        office.clock,
        office.kinds,
        eab_desk=office.eab_desk,
        code_desk=office.code_desk,
        fresh=visit.portal.entering.fresh,
    )


async def show(visit: Visit) -> Reply:
    """All of them, with what goes back to each."""
    service = devices(visit)
    found = await service.held(visit.entered)
    async with visit.office.database.read() as tx:
        bound = await accounts.with_last_use(tx, visit.registration.id)
    shown = {one.credential.id for one in found}
    return visit.render(
        "devices.html",
        live=[one for one in found if one.credential.is_live(visit.now)],
        over=[one for one in found if not one.credential.is_live(visit.now)][:_MOST_OVER],
        bound=_by_key(bound),
        # Of keys that a newer sheet has voided, or of none: they go on, and must be seen to be stopped.
        older=[one for one in bound if one.credential_id not in shown],
        offered=[what for what, kind in _WHAT.items() if kind in service.kinds_for(visit.registration)],
        most=MOST_LIVE,
        most_counted=MOST_COUNTED,
        done=_DONE.get(visit.query.get("done"), ""),
        state_of=lambda one: _STATES[_state(one, visit.now)],
        accounts=_ACCOUNTS,
    )


async def ask(visit: Visit) -> Reply:
    """The form for a new one."""
    _kind(visit.path["what"])
    return _form(visit, visit.path["what"], NOTHING)


async def add(visit: Visit) -> Reply:
    """Make it, and show it once, with lines to paste."""
    what, form, faults = visit.path["what"], visit.form, dict[str, str]()
    kind = _kind(what)
    uses, days = _number(form, "uses", faults), _number(form, "days", faults)
    wanted = EabForm(
        uses,
        None if days is None else visit.now + days * _DAY_SECONDS,
        form.lines("networks"),
        form.every("profiles"),
        form.lines("names"),
        form.get("note").strip(),
    )
    service, typed = devices(visit), Secret(form.get("password"))
    if faults:
        return _form(visit, what, form, faults)
    try:
        if kind is CredentialKind.EAB_KEY:
            made, key = await service.add_key(visit.entered, wanted, typed, source=visit.source)
            return _key_shown(visit, made, key.mac_key.reveal())
        made, code = await service.add_code(visit.entered, wanted, typed, source=visit.source)
    except WrongSecret:
        return _form(visit, what, form, {"password": _NO_PASSWORD}, status=403)
    except ProfileNotGranted:
        return _form(visit, what, form, {"profiles": _NO_PROFILE})
    except (NameNotGranted, BadName):
        return _form(visit, what, form, {"names": _NO_NAMES})
    except BadRequest:
        return _form(visit, what, form, {"networks": _NO_NETWORKS})
    return _code_shown(visit, made, code.reveal())


async def ask_rotate(visit: Visit) -> Reply:
    """What a successor means, and the password where it is needed."""
    return await _question(visit, "device_rotate.html")


async def rotate(visit: Visit) -> Reply:
    """Make the successor, and show it once."""
    typed = Secret(visit.form.get("password"))
    try:
        made, secret = await devices(visit).rotate(visit.entered, visit.path["id"], typed, source=visit.source)
    except WrongSecret:
        return await _question(visit, "device_rotate.html", {"password": _NO_PASSWORD}, status=403)
    shown = _key_shown if made.kid else _code_shown
    return shown(visit, made, secret.reveal())


async def ask_revoke(visit: Visit) -> Reply:
    """What it means."""
    return await _question(visit, "device_revoke.html")


async def revoke(visit: Visit) -> Reply:
    """Stop it."""
    await devices(visit).revoke(visit.entered, visit.path["id"], source=visit.source)
    return see_other(_PLACE, done="revoked")


async def ask_deactivate(visit: Visit) -> Reply:
    """What it means."""
    return visit.render("device_deactivate.html", one=await _acme_account(visit))


async def deactivate(visit: Visit) -> Reply:
    """Stop one ACME account for good, and leave its key and all others alone."""
    one, own = await _acme_account(visit), visit.registration
    actor = f"{Door.PORTAL}:session:{visit.source}"
    async with visit.office.database.write() as tx:
        if not await deactivation.deactivate(tx, one.id, own.id, actor=actor, now=visit.now):
            raise WrongState("this ACME account is not valid any more; there is nothing left to deactivate")
    return see_other(_PLACE, done="deactivated")


async def _acme_account(visit: Visit) -> Account:
    """The one in the path, of the visitor's own.

    Raises:
        NotFound: there is none such.
    """
    async with visit.office.database.read() as tx:
        found = await accounts.by_id(tx, visit.path["id"])
    if found is None or found.registration_id != visit.registration.id:
        raise NotFound("there is no such ACME account of yours")
    return found


def _by_key(bound: Iterable[LastUse]) -> Mapping[str, list[LastUse]]:
    found: dict[str, list[LastUse]] = {}
    for one in bound:
        found.setdefault(one.credential_id or "", []).append(one)
    return found


def _kind(what: str) -> CredentialKind:
    """What is to be made.

    Raises:
        NotFound: nothing of this name is made.
    """
    if what not in _WHAT:
        raise NotFound("keys and codes are made here, and nothing else")
    return _WHAT[what]


def _number(form: Posted, field: str, faults: dict[str, str]) -> int | None:
    """A field that may be empty."""
    text = form.get(field).strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) > 0:
        return int(text)
    faults[field] = _NO_NUMBER
    return None


def _faults(faults: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {field: (why,) for field, why in faults.items()}


def _form(
    visit: Visit, what: str, values: Posted, faults: Mapping[str, str] | None = None, *, status: int = 422
) -> Reply:
    return visit.render(
        "device_add.html",
        status=status if faults else 200,
        what=what,
        values=values,
        faults=_faults(faults or {}),
        registration=visit.registration,
        needs_password=visit.portal.entering.fresh.needs_password(visit.entered),
        shown_names=_names(visit),
    )


def _names(visit: Visit) -> Iterable[str]:
    grants = visit.registration.grants
    return [f".{one.identifier.value}" if one.zone else one.identifier.value for one in grants]


async def _question(
    visit: Visit, template: str, faults: Mapping[str, str] | None = None, *, status: int = 200
) -> Reply:
    return visit.render(
        template,
        status=status,
        one=await devices(visit).find(visit.entered, visit.path["id"]),
        needs_password=visit.portal.entering.fresh.needs_password(visit.entered),
        faults=_faults(faults or {}),
        hours=OVERLAP_SECONDS // _HOUR_SECONDS,
    )


def _key_shown(visit: Visit, made: Credential, secret: str) -> Reply:
    lines = recipes.for_key(made, secret, _site(visit), visit.registration)
    return visit.render(
        "device_made.html", made=made, secret=secret, lines=lines, place=visit.office.places.acme_directory
    )


def _code_shown(visit: Visit, made: Credential, secret: str) -> Reply:
    site, registration = _site(visit), visit.registration
    granted = [visit.office.profiles.get(name) for name in made.profiles or registration.profiles]
    served = [profile for profile in granted if profile is not None and Door.EST in profile.doors]
    if made.names:
        # What is for some names only brings nothing that has none.
        served = [profile for profile in served if Kind.DNS in profile.name_kinds]
    # Where nothing that the code is for is had by EST, there is nothing to paste.
    lines = recipes.for_code(made, secret, site, registration, served[0]) if served else ()
    return visit.render("device_made.html", made=made, secret=secret, lines=lines, place=site.places.est_url)


def _site(visit: Visit) -> recipes.Site:
    acme = visit.office.settings.acme
    return recipes.Site(visit.office.places, _roots(visit), acme.http_01_port, acme.tls_alpn_01_port)


async def trust(visit: Visit) -> Reply:
    """The trust anchors as a file, which whoever reads the page in a browser trusts already."""
    named = ("Content-Disposition", 'attachment; filename="trust.pem"')
    return Reply(200, (("Content-Type", "application/x-pem-file"), named, *HEADERS), _roots(visit))


def _roots(visit: Visit) -> bytes:
    return b"".join(root.public_bytes(Encoding.PEM) for root in visit.portal.roots())


def _state(one: Held, now: int) -> str:
    credential = one.credential
    if credential.revoked_at is not None:
        return "revoked"
    if credential.uses_left == 0:
        return "spent"
    if now > credential.expires_at:
        return "expired"
    return "dormant" if credential.dormant else "active"


ROUTES = (
    PortalRoute("GET", _PLACE, show),
    PortalRoute("GET", f"{_PLACE}/trust.pem", trust),
    *(PortalRoute(method, f"{_PLACE}/new/{{what}}", handler) for method, handler in (("GET", ask), ("POST", add))),
    PortalRoute("GET", f"{_PLACE}/{{id}}/rotate", ask_rotate),
    PortalRoute("POST", f"{_PLACE}/{{id}}/rotate", rotate),
    PortalRoute("GET", f"{_PLACE}/{{id}}/revoke", ask_revoke),
    PortalRoute("POST", f"{_PLACE}/{{id}}/revoke", revoke),
    PortalRoute("GET", f"{_PLACE}/accounts/{{id}}/deactivate", ask_deactivate),
    PortalRoute("POST", f"{_PLACE}/accounts/{{id}}/deactivate", deactivate),
)
