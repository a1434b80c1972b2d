"""The list of certificates."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography import x509

from ca_core.clock import rfc3339
from ca_core.errors import NotFound
from ca_core.identity import serial_text
from ca_core.policy.status import certificate_status
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from server.cli.shared import echo_json, in_office, json_option
from server.office import Office


@click.command()
@click.option("--account", help="Only those of this account.")
@json_option
@click.pass_obj
def certificates(home: Path, account: str | None, *, as_json: bool) -> None:
    """List issued certificates."""

    async def do(office: Office) -> list[dict[str, object]]:
        registration_id = (await office.desk.show(account)).id if account else None
        accounts = {registration.id: registration.account for registration in await office.desk.every()}
        found = await office.revocations.every(registration_id)
        return [_shown(certificate, accounts.get(certificate.registration_id), office) for certificate in found]

    rows = in_office(home, do)
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        click.echo(f"{row['serial']}  {row['account']}  {row['profile']}  {row['status']}  until {row['not_after']}")


def serial_in_hex(text: str) -> str:
    """A serial as people copy it: with colons, upper case or `0x`.

    Raises:
        NotFound: it is none.
    """
    try:
        return serial_text(int(text.replace(":", ""), 16))
    except ValueError:
        raise NotFound(f"{text[:64]!r} is not a serial in hex") from None


def _shown(certificate: Certificate, account: str | None, office: Office) -> dict[str, object]:
    parsed = x509.load_der_x509_certificate(certificate.der)
    profile, days = office.profiles.get(certificate.profile), office.settings.renewal.window_days
    status = certificate_status(
        certificate.not_before,
        certificate.not_after,
        certificate.revoked_at,
        is_on_hold=certificate.is_on_hold,
        window_days=profile.window_days(days) if profile else days,
        now=office.clock.now(),
    )
    revoked_at, reason = certificate.revoked_at, certificate.reason
    return {
        "serial": certificate.serial,
        "account": account,
        "profile": certificate.profile,
        "status": status.value,
        "names": certificate.names.splitlines(),
        "subject": parsed.subject.rfc4514_string(),
        "issuer": parsed.issuer.rfc4514_string(),
        "not_before": rfc3339(certificate.not_before),
        "not_after": rfc3339(certificate.not_after),
        "revoked_at": rfc3339(revoked_at) if revoked_at is not None else None,
        "reason": Reason(reason).text if reason is not None else None,
        "replaces": certificate.replaces,
        "recalled_at": rfc3339(certificate.recalled_at) if certificate.recalled_at is not None else None,
    }
