"""A command of ours dies, most of them beside a running server, which goes on."""

from __future__ import annotations

import functools
import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from cryptography import x509

from conformance.crash import strace
from conformance.crash.site import Flow, Injection, Site, trouble
from conformance.crash.subscriber import CRL_SECONDS, Subscriber, await_crl
from conformance.house import SOAPSTONE, run

_RETRY_SECONDS = 0.5


class Command(Flow):
    """A command of ours that dies while the server goes on."""

    traced_from_the_beginning = True

    def __init__(self, site: Site, *arguments: str) -> None:
        super().__init__(site)
        self.arguments = arguments
        self.printed = ""

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        tracer = strace.from_the_beginning(injection, self.site.log)
        self._run(*tracer, SOAPSTONE, "--home", self.site.house.home, *self.arguments)
        return []

    def _run(self, *command: str | Path) -> None:
        done = run(*command)
        self.printed, self.reached = done.stdout, done.returncode == -signal.SIGKILL

    def check(self) -> list[str]:
        """What this command must have done, or must be able to do now."""
        return []

    def settle(self) -> list[str]:
        found = self.check()
        if self.site.house.ended():
            return [*found, "the server died with the command"]
        return [*found, *self.site.faults(None, set())]


class Register(Command):
    """`register` with a chosen account: it is there whole, or not at all."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._account = ""

    def prepare(self) -> None:
        number = self.site.number()
        self._account = f"cut-{number}"
        subject, zone = f"CN={number},C=TW", f"n{number}.crash.example"
        self.arguments = (
            *("register", "--json", "--kind", "device", "--account", self._account),
            *("--subject", subject, "--zone", zone),
        )

    def check(self) -> list[str]:
        sheet = _json(self.printed)
        if sheet is None:
            again = self.site.house.attempt(*self.arguments)
            # Not printed whole, so nobody has it; the account may exist, and then it is handed a new sheet.
            retry = again.stdout if again.returncode == 0 else self.site.house.command("sheet", self._account, "--json")
            sheet = json.loads(retry)
        return _sheet_works(self.site, sheet)


class Sheet(Command):
    """`sheet`: the old one works until the new one is made, and a printed one works."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._old: dict[str, Any] = {}

    def prepare(self) -> None:
        number = self.site.number()
        self._old = self.site.house.register(
            "--kind", "device", "--subject", f"CN={number},C=TW", "--zone", f"n{number}.crash.example"
        )
        self.arguments = ("sheet", self._old["account"], "--json")

    def check(self) -> list[str]:
        sheet = _json(self.printed) or json.loads(self.site.house.command(*self.arguments))
        found = _sheet_works(self.site, sheet)
        return found if sheet["sheet"] > self._old["sheet"] else [*found, "the new sheet has the old number"]


class PublishCrl(Command):
    """`crl publish` beside a running server."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "crl", "publish")

    def check(self) -> list[str]:
        self.site.house.command("crl", "publish")
        return []


class Revoke(Command):
    """`revoke` beside a running server: it is revoked, or can be."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._holder: Subscriber

    def prepare(self) -> None:
        self._holder = self.site.subscriber()
        self._holder.acme()
        serial = x509.load_der_x509_certificate(self._holder.promises.get("ACME certificate")).serial_number
        self.arguments = ("revoke", f"{serial:040x}", "--reason", "keyCompromise")

    def check(self) -> list[str]:
        again = self.site.house.attempt(*self.arguments)
        if again.returncode != 0 and "already" not in again.stderr:
            return [f"it cannot be revoked: {again.stderr}"]
        serial = int(self.arguments[1], 16)
        self._holder.promises.revoked.add(serial)
        return trouble("the CRL", functools.partial(await_crl, self.site.house, serial))


class Rotate(Command):
    """`authority rotate`: the CA before goes on, or the next one does, and it can be rotated again."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "authority", "rotate")
        site.is_spent = True

    def check(self) -> list[str]:
        for command in (("doctor",), self.arguments, ("doctor",)):
            if complaint := self._patiently(*command):
                return [f"{' '.join(command)} fails: {complaint}"]
        self.site.cut()
        if not self.site.house.launch():
            return [f"the server did not start again: {self.site.house.log[-300:]}"]
        newcomer = self.site.subscriber()
        return [*trouble("after the rotation", newcomer.acme), *trouble("after the rotation", newcomer.enroll)]

    def _patiently(self, *command: str) -> str:
        """Run a command until it is content: who died may hold the lease of a CRL, which is promised in a minute."""
        deadline = time.monotonic() + CRL_SECONDS
        while (done := self.site.house.attempt(*command)).returncode != 0 and time.monotonic() < deadline:
            time.sleep(_RETRY_SECONDS)
        return done.stderr if done.returncode != 0 else ""


class Backup(Command):
    """`backup`: a half-written one hinders neither the server nor the next backup."""

    def prepare(self) -> None:
        self.arguments = ("backup", str(self.site.folder / f"{self.site.number()}.tar.gz"))

    def check(self) -> list[str]:
        restored = self.site.folder / "restored"
        shutil.rmtree(restored, ignore_errors=True)
        file = self.site.folder / f"{self.site.number()}.tar.gz"
        self.site.house.command("backup", str(file))
        done = run(SOAPSTONE, "--home", restored, "restore", file)
        return [] if done.returncode == 0 else [f"the next backup cannot be restored: {done.stderr}"]


class Init(Command):
    """`init`: there is a whole home, or none and it can be made."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._home = site.folder / "made"

    def prepare(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        tracer = strace.from_the_beginning(injection, self.site.log)
        self._run(*tracer, SOAPSTONE, "--home", self._home, "init")
        return []

    def check(self) -> list[str]:
        if not (self._home / "soapstone.toml").exists():
            made = run(SOAPSTONE, "--home", self._home, "init")
            if not (self._home / "soapstone.toml").exists():
                return [f"no home, and none can be made: {made.stderr}"]
        checked = run(SOAPSTONE, "--home", self._home, "doctor")
        return [] if checked.returncode == 0 else [f"the home is not whole: {checked.stderr}"]


class Restore(Init):
    """`restore`: there is a whole home, or none and it can be restored again."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._file = site.folder / "restore.tar.gz"

    def prepare(self) -> None:
        super().prepare()
        if not self._file.exists():
            self.site.house.command("backup", str(self._file))

    def act(self, injection: Injection, *, thread: int | None) -> list[str]:
        tracer = strace.from_the_beginning(injection, self.site.log)
        self._run(*tracer, SOAPSTONE, "--home", self._home, "restore", self._file)
        return []

    def check(self) -> list[str]:
        if not (self._home / "soapstone.toml").exists():
            made = run(SOAPSTONE, "--home", self._home, "restore", self._file)
            if not (self._home / "soapstone.toml").exists():
                return [f"no home, and it cannot be restored: {made.stderr}"]
        acknowledged = run(SOAPSTONE, "--home", self._home, "restore", "--acknowledge")
        if acknowledged.returncode != 0:
            return [f"the restored home does not wait for its operator: {acknowledged.stderr}"]
        checked = run(SOAPSTONE, "--home", self._home, "doctor")
        return [] if checked.returncode == 0 else [f"the home is not whole: {checked.stderr}"]


def _json(printed: str) -> dict[str, Any] | None:
    try:
        read: dict[str, Any] = json.loads(printed)
    except ValueError:
        return None
    return read


def _sheet_works(site: Site, sheet: dict[str, Any]) -> list[str]:
    holder = Subscriber(site.house, sheet["account"], site.folder, sheet=sheet)
    return trouble("the sheet that was printed", holder.account)
