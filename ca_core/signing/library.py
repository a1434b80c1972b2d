"""A PKCS #11 library in this process: found, initialized for threads, and begun anew when its token was away.

python-pkcs11 initializes a library with no arguments, which tells it that it is never called from two threads at
once (PKCS #11, C_Initialize). It then takes no locks: four threads that signed through SoftHSM2 destroyed its heap
within seconds. So initializing and finalizing are done here, on the same library in the same process.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ca_core.errors import Misconfigured
from ca_core.signing.uri import TokenUri

# Where Debian, Fedora and vendors put them; `*` is the machine's architecture.
_FOLDERS = (
    "/usr/lib/*-linux-gnu/pkcs11",
    "/usr/lib/*-linux-gnu/softhsm",
    "/usr/lib/*-linux-gnu",
    "/usr/lib/pkcs11",
    "/usr/lib/softhsm",
    "/usr/lib64/pkcs11",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib/pkcs11",
    "/usr/local/lib/softhsm",
    "/usr/local/lib",
)
_OS_LOCKING_OK = 0x2
_OK = 0x0
_CANT_LOCK = 0xA
_NOT_INITIALIZED = 0x190
_PATIENCE_SECONDS = 5.0


class TokenAway(Exception):
    """The token, or the library that leads to it, cannot be used now; the text says why, for the operator's log."""


class _InitializeArgs(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS."""

    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


_Function = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)


class _FunctionList(ctypes.Structure):
    """CK_FUNCTION_LIST, as far as it is needed: it begins with the version and these two."""

    _fields_ = (("version", ctypes.c_ubyte * 2), ("initialize", _Function), ("finalize", _Function))


class Library:
    """One library: calls go on side by side, and a restart waits until nobody is inside.

    Args:
        path: of the file.
        make_driver: gives python-pkcs11's view of the library, which initializes it in its own way.

    Attributes:
        driver: that view; None until the library was initialized for the first time.
        generation: counts the restarts; what was opened in another generation is void.
        logins: (generation, slot) of the tokens that were logged in to.
        refused_pins: digests of PINs that a token did not take.
        opening: held by who logs in to a token.

    Raises:
        Misconfigured: the file is no such library.
    """

    def __init__(self, path: Path, make_driver: Callable[[], object]) -> None:
        self.driver: Any = None
        self.generation = 0
        self.logins: set[tuple[int, int]] = set()
        self.refused_pins: set[bytes] = set()
        self.opening = threading.Lock()
        self._make_driver = make_driver
        self._functions = _load(path)
        self._gate = threading.Condition()
        self._inside = 0
        self._is_closed = False
        self._is_parallel = True

    @contextmanager
    def calling(self) -> Iterator[int]:
        """Be inside the library for the length of the block; yields the generation.

        Raises:
            TokenAway: it was never initialized, or is being restarted and that takes too long.
        """
        with self._gate:
            self._wait(lambda: not self._is_closed and (self._is_parallel or self._inside == 0))
            if self.driver is None:
                raise TokenAway("the library is not initialized")
            self._inside += 1
            generation = self.generation
        try:
            yield generation
        finally:
            with self._gate:
                self._inside -= 1
                self._gate.notify_all()

    def restart(self, seen: int) -> None:
        """Finalize the library and initialize it, unless that has been done since generation `seen`.

        Raises:
            TokenAway: it does not initialize, or a call in it does not return.
        """
        with self._gate:
            self._wait(lambda: not self._is_closed)
            if self.generation != seen:
                return
            self._is_closed = True
            try:
                self._wait(lambda: self._inside == 0)
                self.generation += 1
                self._initialize()
            finally:
                self._is_closed = False
                self._gate.notify_all()

    def _initialize(self) -> None:
        self._finalize()
        if self.driver is None:
            self.driver = self._make_driver()
            self._finalize()
        args = _InitializeArgs(flags=_OS_LOCKING_OK)
        initialized = self._functions.initialize(ctypes.byref(args))
        self._is_parallel = initialized != _CANT_LOCK
        if not self._is_parallel:
            # Such a library is called by one thread at a time.
            initialized = self._functions.initialize(None)
        if initialized != _OK:
            raise TokenAway(f"C_Initialize answers 0x{initialized:x}")

    def _finalize(self) -> None:
        finalized = self._functions.finalize(None)
        if finalized not in (_OK, _NOT_INITIALIZED):
            raise TokenAway(f"C_Finalize answers 0x{finalized:x}")

    def _wait(self, condition: Callable[[], bool]) -> None:
        if not self._gate.wait_for(condition, _PATIENCE_SECONDS):
            raise TokenAway("a call in the library does not return")


def located(uri: TokenUri) -> Path:
    """The file of the library that a URI names.

    Raises:
        Misconfigured: there is none.
    """
    if uri.module_path is not None and (uri.module_name is None or not Path(uri.module_path).is_dir()):
        path = Path(uri.module_path)
        if not path.is_file():
            raise Misconfigured(f"there is no library {path} (module-path); install it, or name the right file")
        return path.resolve()
    folders = [uri.module_path] if uri.module_path is not None else _FOLDERS
    for folder in folders:
        for name in (f"lib{uri.module_name}.so", f"{uri.module_name}.so"):
            for path in sorted(Path("/").glob(f"{folder}/{name}".removeprefix("/"))):
                return path.resolve()
    raise Misconfigured(f"no library {uri.module_name} (module-name) is found; install it, or use module-path")


def _load(path: Path) -> _FunctionList:
    try:
        get_function_list = ctypes.CDLL(str(path)).C_GetFunctionList
    except (OSError, AttributeError):
        raise Misconfigured(f"{path} is not a PKCS #11 library for this machine; name the right file") from None
    get_function_list.restype = ctypes.c_ulong
    functions = ctypes.POINTER(_FunctionList)()
    if get_function_list(ctypes.byref(functions)) != _OK:
        raise Misconfigured(f"the PKCS #11 library {path} does not tell its functions; name the right file")
    return functions.contents
