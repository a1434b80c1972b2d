"""Manufacturers' certificates: which labels trust who made a device? (RFC 7030, 2.2.1; IEEE 802.1AR)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography import x509

from ca_core.issuance.chain import has_issued


class Manufacturers:
    """The CAs of manufacturers.

    Args:
        by_label: the CAs that each label trusts. The handshake trusts all of them, so it is here that one label's are
            told from another's.
    """

    def __init__(self, by_label: Mapping[str, Sequence[x509.Certificate]]) -> None:
        self._by_label = by_label

    def trusting(self, certificate: x509.Certificate) -> frozenset[str]:
        """The labels that trust the CA which has issued a certificate; empty for one of ours."""
        return frozenset(
            label for label, cas in self._by_label.items() if any(has_issued(ca, certificate) for ca in cas)
        )
