"""What EST needs of the house."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509

from ca_core.enrollment import Enrollment
from ca_core.made_keys.decryption import DecryptionKeys
from ca_core.made_keys.desk import KeyDesk
from ca_core.on_file import OnFile
from ca_core.registration.sign_in import SignIn
from ca_core.revocation.delegate import Delegate
from protocols.cmc.dialogue import FullCmc
from protocols.est.labels import Label


@dataclass(frozen=True)
class EstServices:
    """What EST needs of the house.

    Attributes:
        ca_certificates: tells those of all CAs, the self-signed roots among them, and cross-certificates.
        labels: what is set for each profile that EST offers, by its name.
        signer_of: who signs messages in the name of a CA; raises StoreUnavailable where there is nobody at the time.
        crls: tells the newest full CRL of each CA, in DER.
        on_file: tells holders of their certificates.
        help_base: what the addresses of pages that help begin with, without a slash at the end.
        tells_renewal: whether clients are told when to renew (draft-ietf-lamps-est-renewal-info).
        full_cmc: answers full PKI requests; None where none are served.
        manufacturers: by label, the CAs of those whose devices may enroll with the certificate they were made with.
    """

    sign_in: SignIn
    enrollment: Enrollment
    ca_certificates: Callable[[], tuple[x509.Certificate, ...]]
    labels: Mapping[str, Label]
    keys: KeyDesk
    decryption_keys: DecryptionKeys
    signer_of: Callable[[str], Delegate]
    crls: Callable[[], Awaitable[Sequence[bytes]]]
    on_file: OnFile
    help_base: str
    tells_renewal: bool = False
    full_cmc: FullCmc | None = None
    manufacturers: Mapping[str, Sequence[x509.Certificate]] = field(default_factory=dict)
