"""The pure band: files that wait for nobody, and of which every line and branch is tested (`make test`)."""

from __future__ import annotations

PURE = (
    "ca_core/applicant.py",
    "ca_core/audit/chain.py",
    "ca_core/audit/checkpoint.py",
    "ca_core/audit/event.py",
    "ca_core/audit/gate.py",
    "ca_core/der.py",
    "ca_core/errors.py",
    "ca_core/identity.py",
    "ca_core/issuance/ca_certificate.py",
    "ca_core/issuance/chain.py",
    "ca_core/issuance/lint.py",
    "ca_core/issuance/plan.py",
    "ca_core/names.py",
    "ca_core/policy/",
    "ca_core/registration/account.py",
    "ca_core/registration/credential.py",
    "ca_core/registration/kind.py",
    "ca_core/registration/sheet.py",
    "ca_core/registration/throttle.py",
    "ca_core/revocation/crl.py",
    "ca_core/revocation/reason.py",
    "ca_core/signing/raw.py",
    "ca_core/signing/uri.py",
    "protocols/acme/challenges.py",
    "protocols/acme/csr.py",
    "protocols/acme/eab.py",
    "protocols/acme/errors.py",
    "protocols/acme/events.py",
    "protocols/acme/jwk.py",
    "protocols/acme/jws.py",
    "protocols/acme/links.py",
    "protocols/acme/messages.py",
    "protocols/acme/objects.py",
    "protocols/acme/ordering.py",
    "protocols/acme/problems.py",
    "protocols/acme/render.py",
    "protocols/acme/states.py",
    "protocols/encoding.py",
    "protocols/est/binding.py",
    "protocols/est/errors.py",
    "protocols/est/messages.py",
    "protocols/est/refusals.py",
    "protocols/status/downloads.py",
    "protocols/wire.py",
)

if __name__ == "__main__":
    # As `coverage report --include` takes them; a folder means all that is in it.
    print(",".join(f"{place}*" if place.endswith("/") else place for place in PURE))  # noqa: T201  # it is a program
