"""What an operator may set about limits, lifetimes of what is published, and trouble on purpose."""

from __future__ import annotations

from ca_core.errors import Misconfigured
from server.setting_tables import Chaos, Crl, Limits, Ocsp

_LONGEST_CRL_HOURS = 10 * 366 * 24
_MOST_SHARDS = 1024
_HIGHEST_LIMIT = 1_000_000_000
_MOST_REFUSED_PERCENT = 90
_SLOWEST_SECONDS = 60
_LONGEST_OCSP_HOURS = 3 * 24
"""A responder's certificate lives a week and is renewed at half of that; an answer must not outlive it."""


def check_limits(limits: Limits) -> None:
    """Refuse a limit that lets nobody do anything, or that is none."""
    for key in limits.__struct_fields__:
        if not 1 <= getattr(limits, key) <= _HIGHEST_LIMIT:
            raise Misconfigured(f"limits.{key} must be from 1 to {_HIGHEST_LIMIT}")


def check_chaos(chaos: Chaos, *, is_allowed: bool) -> None:
    """Refuse trouble in a home that is in earnest, and more than clients can live with."""
    if chaos != Chaos() and not is_allowed:
        raise Misconfigured("chaos: trouble on purpose is for a development home only; take the table [chaos] out")
    if not 0 <= chaos.nonces_refused_percent <= _MOST_REFUSED_PERCENT:
        raise Misconfigured(f"chaos.nonces_refused_percent must be from 0 to {_MOST_REFUSED_PERCENT}")
    if not 0 <= chaos.slow_seconds <= _SLOWEST_SECONDS:
        raise Misconfigured(f"chaos.slow_seconds must be from 0 to {_SLOWEST_SECONDS}")


def check_lifetimes(crl: Crl, ocsp: Ocsp) -> None:
    """Refuse lifetimes of CRLs and OCSP answers that no responder and no CA can keep."""
    for key, hours in (
        ("issuing_lifetime_hours", crl.issuing_lifetime_hours),
        ("root_lifetime_hours", crl.root_lifetime_hours),
    ):
        if not 1 <= hours <= _LONGEST_CRL_HOURS:
            raise Misconfigured(f"crl.{key} must be from an hour to {_LONGEST_CRL_HOURS} hours")
    if not 1 <= crl.shards <= _MOST_SHARDS:
        raise Misconfigured(f"crl.shards must be from 1 to {_MOST_SHARDS}")
    if not 1 <= ocsp.lifetime_hours <= _LONGEST_OCSP_HOURS:
        raise Misconfigured(f"ocsp.lifetime_hours must be from an hour to {_LONGEST_OCSP_HOURS} hours")
