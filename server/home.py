"""A home: the folder with everything that one server is."""

from __future__ import annotations

import fcntl
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import Misconfigured
from ca_core.files import replace, sync_folder, write_new
from ca_core.registration.credential import MASTER_KEY_OCTETS
from ca_core.store.sqlite import COMPANIONS
from server import settings as settings_module
from server.settings import FILE_NAME, Settings

TRUST_ANCHOR = "trust.pem"
OWN_CERTIFICATE = "tls/server.pem"
STAGING = ".making"
_MADE = ".made"
_LOCK = "serving.lock"
_FOLDERS = ("authority", "journal", "secrets", "tls")
_PASSPHRASE_OCTETS = 32


def refuse_existing(home: Path) -> None:
    """Refuse to make a home where there is one, or what one is made of; other files may be there.

    Raises:
        Misconfigured: there is.
    """
    move_into_place(home)
    if (home / FILE_NAME).exists():
        raise Misconfigured(
            f"{home} is a home already; serve it, or choose another folder: soapstone --home FOLDER ..."
        )
    _refuse_files(home, (*_FOLDERS, TRUST_ANCHOR))


@contextmanager
def staging(home: Path) -> Iterator[Path]:
    """An empty folder to make a home in; at the end of the block its content moves into place.

    When the block fails, or a crash ends it, there is no home, and it can be made again; after the block, the home
    is whole or becomes so by `move_into_place`.

    Raises:
        Misconfigured: the folder cannot be written.
    """
    folder = home / STAGING
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        yield folder
        staged = [entry.name for entry in folder.iterdir()]
        # What a killed server left beside a database of the same name would be replayed into the new one.
        _refuse_files(home, [name + end for name in staged for end in ("", *COMPANIONS)])
        # One step that says "all of it is there"; the moves that follow are many, and a crash may come between.
        folder.rename(home / _MADE)
        sync_folder(home)
        move_into_place(home)
    except OSError as error:
        raise Misconfigured(f"cannot make a home at {home}: {error.strerror}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def move_into_place(home: Path) -> None:
    """Move a home that is made into its place, the settings file last; do nothing where there is none to move.

    Raises:
        Misconfigured: something stands in the way.
    """
    made = home / _MADE
    if not made.is_dir():
        return
    try:
        for entry in sorted(made.iterdir(), key=lambda entry: entry.name == FILE_NAME):
            entry.rename(home / entry.name)
        made.rmdir()
        sync_folder(home)
    except OSError as error:
        raise Misconfigured(f"cannot move {made} into its place: {error.strerror}; move away what is there") from None


def lay_out(folder: Path) -> None:
    """Make what every new home begins with: its folders and its own secrets.

    Raises:
        Misconfigured: they cannot be written.
    """
    for name in _FOLDERS:
        (folder / name).mkdir(mode=0o700)
    write_new(folder / "secrets" / "passphrase", _random_line(_PASSPHRASE_OCTETS), mode=0o600)
    write_new(folder / "secrets" / "credential.key", _random_line(MASTER_KEY_OCTETS), mode=0o600)


@contextmanager
def sole_server(home: Path) -> Iterator[None]:
    """Hold a home for one serving process: an SQLite store has one.

    Raises:
        Misconfigured: another process serves it.
    """
    with (home / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(f"another process serves {home} already; stop it first") from None
        yield


def write_settings(home: Path, settings: Settings) -> None:
    """Write the settings file."""
    write_new(home / FILE_NAME, settings_module.as_toml(settings).encode(), mode=0o600)


def write_trust_anchors(home: Path, roots: Iterable[x509.Certificate]) -> None:
    """Write the roots' certificates where every sheet points to, in the place of others."""
    path, wanted = home / TRUST_ANCHOR, b"".join(root.public_bytes(Encoding.PEM) for root in roots)
    if not path.exists() or path.read_bytes() != wanted:
        replace(path, wanted, mode=0o644)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in hex, as subscribers compare it."""
    return certificate.fingerprint(SHA256()).hex()


def _refuse_files(home: Path, names: Iterable[str]) -> None:
    for name in names:
        if (home / name).exists():
            raise Misconfigured(f"{home / name} exists already and is not overwritten; move it away")


def _random_line(octets: int) -> bytes:
    return f"{secrets.token_hex(octets)}\n".encode()
