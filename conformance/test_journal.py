"""The journal as auditors and operators meet it: proving it, a disk that fails, an older backup."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance import stores
from conformance.acme import Answer, Client, b64, csr, new_key
from conformance.clients.device import Device
from conformance.house import House, client, must
from conformance.waiting import until


class Callers:
    """One subscriber at each door that issues."""

    def __init__(self, house: House, folder: Path) -> None:
        self._house = house
        # Each may hold one certificate, so there is one for each that is issued in a test.
        self._sheets = [house.register("--kind", "device", "--subject", "CN=sensor,C=TW") for _ in range(3)]
        self.device = Device(house, folder / "device")
        eab = house.register("--kind", "partner", "--subject", "CN=Shop,C=TW", "--zone", "shop.example")["eab"]
        self._client = Client(house)
        assert self._client.new_account(eab).status == 201
        self._order = self._client.new_order("www.shop.example").json

    @property
    def next_account(self) -> str:
        """Whose code the next enrollment spends."""
        return str(self._sheets[0]["account"])

    def enroll(self) -> int:
        """Over EST, with a new key and, after a success, as another device."""
        self.device.new_key()
        self.device.ask("/CN=device")
        status = self.device.enroll(self._sheets[0])
        if status == 200:
            self._sheets.pop(0)
        return status

    def finalize(self) -> Answer:
        return self._client.post(self._order["finalize"], {"csr": b64(csr(new_key(), "www.shop.example"))})

    def assert_refused(self) -> None:
        """Issuance says 503 and when to come again, at both doors; everything else goes on."""
        assert self.enroll() == 503
        assert str(self._house.home) not in self.device.said()
        assert int(self.device.header("Retry-After") or 0) > 0
        finalized = self.finalize()
        assert finalized.status == 503
        assert finalized.problem == "serverInternal"
        assert int(finalized.headers["Retry-After"]) > 0
        for url in (self._house.directory, f"{self._house.est}/cacerts", f"{self._house.repository}/crl/issuing.crl"):
            assert self.device.curl(url).stdout == "200"

    def assert_served(self) -> None:
        """Both doors issue again, without anybody having done anything to them."""
        until(lambda: self.enroll() == 200, what="devices enroll")
        assert self.finalize().status == 200


def verified(house: House) -> dict[str, object]:
    found: dict[str, object] = json.loads(house.command("journal", "verify", "--json"))
    return found


@contextmanager
def failing(house: House, injection: str, *options: str | Path) -> Iterator[None]:
    """Have system calls of the running server fail, as on a broken or full disk."""
    assert house._process is not None
    command = [client("strace"), "-f", "-qq", "-o", "/dev/null", "-e", f"inject={injection}", *options]
    tracer = subprocess.Popen([*command, "-p", str(house._process.pid)], stderr=subprocess.PIPE)
    status = Path(f"/proc/{house._process.pid}/status")
    until(lambda: "TracerPid:\t0\n" not in status.read_text() or tracer.poll() is not None, what="it is traced")
    assert tracer.poll() is None, tracer.stderr and tracer.stderr.read()
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=10)


def test_what_happens_is_chained_soon_and_proved_while_serving(house: House, tmp_path: Path) -> None:
    before = verified(house)
    device = Device(house, tmp_path / "device")
    assert device.enroll(house.register("--kind", "device", "--subject", "CN=sensor,C=TW")) == 200

    def listed() -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(house.command("journal", "list", "--json"))
        return rows

    until(lambda: all(row["position"] for row in listed()), what="all rows are numbered")
    assert "certificate-issued" in {row["event"] for row in listed()}
    after = verified(house)
    assert int(str(after["rows"])) > int(str(before["rows"]))
    assert after["key"] == before["key"]


def test_an_auditor_reads_what_concerns_one_subscriber(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
    assert Device(house, tmp_path / "device").enroll(sheet) == 200
    (held,) = house.certificates(sheet["account"])

    of_account = json.loads(house.command("journal", "list", "--account", sheet["account"], "--json"))
    of_serial = json.loads(house.command("journal", "list", "--serial", held["serial"].upper(), "--json"))

    assert [row["event"] for row in of_account] == ["registered", "sheet-issued", "certificate-issued"]
    assert [row["event"] for row in of_serial] == ["certificate-issued"]
    assert json.loads(house.command("journal", "list", "--since", "2100-01-01", "--json")) == []
    assert "certificate-issued" in house.command("journal", "list", "--account", sheet["account"])
    assert house.attempt("journal", "list", "--since", "tomorrow").returncode == 2


def test_a_checkpoint_is_proved_by_openssl(house: House, tmp_path: Path) -> None:
    house.stop()
    (tmp_path / "key.pem").write_text(house.command("journal", "key"))
    lines = (house.home / "journal" / "checkpoint").read_text().splitlines(keepends=True)
    (tmp_path / "signed").write_text("".join(lines[:4]))
    (tmp_path / "signature").write_bytes(bytes.fromhex(lines[4].split()[1]))

    said = must(
        *("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "key.pem", "-rawin"),
        *("-in", tmp_path / "signed", "-sigfile", tmp_path / "signature"),
    )

    assert "Signature Verified Successfully" in said


def test_an_altered_row_is_named_in_one_line(house: House) -> None:
    house.stop()
    noted = house.home / "noted"
    noted.write_bytes((house.home / "journal" / "checkpoint").read_bytes())
    house.behind_its_back("UPDATE journal SET actor = 'nobody' WHERE position = 2")

    done = house.attempt("journal", "verify", "--checkpoint", str(noted))

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "position 2 was altered" in done.stderr


@pytest.mark.in_a_file
def test_a_broken_disk_stops_issuance_and_nothing_else(house: House, tmp_path: Path) -> None:
    callers = Callers(house, tmp_path)

    with failing(house, "fsync,fdatasync,pwrite64:error=EIO"):
        callers.assert_refused()

    callers.assert_served()
    verified(house)


def test_a_full_disk_under_the_checkpoint_stops_issuance_after_a_minute(house: House, tmp_path: Path) -> None:
    callers = Callers(house, tmp_path)

    with failing(house, "openat:error=ENOSPC", "-P", house.home / "journal" / "checkpoint.new"):
        assert callers.enroll() == 200
        until(lambda: "event=journal-trouble" in house.log, what="the trouble is told")
        house.move_clock(days=0.001)
        callers.assert_refused()

    callers.assert_served()
    assert "No space left on device" in house.log
    assert "event=journal-well" in house.log
    verified(house)


@pytest.fixture
def older(house: House, tmp_path: Path) -> Callers:
    """A house that serves an older database than its checkpoint knows."""
    callers = Callers(house, tmp_path)
    house.stop()
    go_back = stores.remembered(house.store, house.home)
    house.start()
    assert callers.enroll() == 200
    house.stop()
    go_back()
    return callers


def test_an_older_database_waits_for_its_operator(house: House, older: Callers) -> None:
    unproved = house.attempt("journal", "verify")
    house.start()

    older.assert_refused()

    told = house.attempt("doctor")
    assert (unproved.returncode, told.returncode) == (1, 1)
    assert "truncated" in unproved.stderr
    for text in (told.stderr, house.log):
        assert "the database is older than the checkpoint" in text
        assert "soapstone restore --acknowledge" in text
    house.command("restore", "--acknowledge")
    older.assert_served()
    verified(house)
    house.command("doctor")
    assert "restore-acknowledged" in house.command("journal", "list")
    assert house.attempt("restore", "--acknowledge").returncode == 1


def test_a_lost_checkpoint_waits_for_its_operator_too(house: House, tmp_path: Path) -> None:
    callers = Callers(house, tmp_path)
    house.stop()
    (house.home / "journal" / "checkpoint").unlink()
    house.start()

    callers.assert_refused()

    assert "is missing" in house.attempt("journal", "verify").stderr
    house.command("restore", "--acknowledge")
    callers.assert_served()
    verified(house)


def test_a_checkpoint_on_another_disk_tells_a_restored_home_that_it_is_older(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "checkpoint"
    house = House(tmp_path, f"journal.checkpoint_file={outside}", store=stores.IN_A_FILE)
    house.start()
    callers = Callers(house, tmp_path)
    house.command("backup", str(tmp_path / "backup.tar.gz"))
    assert callers.enroll() == 200
    house.stop()
    house.home.rename(tmp_path / "lost")

    house.command("restore", str(tmp_path / "backup.tar.gz"))
    house.start()
    callers.assert_refused()
    house.command("restore", "--acknowledge")

    callers.assert_served()
    verified(house)
    house.close()


@pytest.mark.in_a_file
def test_a_restored_older_backup_waits_for_its_operator(house: House, tmp_path: Path) -> None:
    callers = Callers(house, tmp_path)
    account = callers.next_account
    house.command("backup", str(tmp_path / "backup.tar.gz"))
    assert callers.enroll() == 200
    lost, _ = callers.device.keep()
    house.stop()
    house.home.rename(tmp_path / "lost")

    said = house.command("restore", str(tmp_path / "backup.tar.gz"))
    told = house.attempt("doctor")
    house.start()

    callers.assert_refused()
    assert told.returncode == 1
    for text in (said, told.stderr, house.log):
        assert "restore --acknowledge" in text
    house.command("restore", "--acknowledge")
    callers.assert_served()
    verified(house)
    house.command("doctor")
    listed = house.command("journal", "list")
    assert listed.index("home-restored") < listed.index("restore-acknowledged")
    # What was issued after the backup is taken back, and so can be revoked.
    said = house.command("adopt", str(lost), "--account", account, "--profile", "device", "--json")
    house.command("revoke", json.loads(said)["serial"], "--reason", "keyCompromise")
    assert [one["status"] for one in house.certificates(account)] == ["revoked"]


def test_rows_that_are_cut_off_under_a_running_server_stop_issuance(house: House, tmp_path: Path) -> None:
    callers = Callers(house, tmp_path)
    last = int(str(verified(house)["position"])) - 2
    for statement in (
        "DELETE FROM journal WHERE position > {last} OR position IS NULL",
        "UPDATE journal_head SET position = {last}, hash = (SELECT hash FROM journal WHERE position = {last})",
    ):
        house.behind_its_back(statement.format(last=last))
    house.behind_its_back("DELETE FROM journal_checkpoints")
    until(lambda: "event=journal-trouble" in house.log, what="the trouble is told")

    callers.assert_refused()

    for number in range(3):
        house.register("--kind", "device", "--subject", f"CN=other{number},C=TW")
    assert house.attempt("journal", "verify").returncode == 1
    callers.assert_refused()
    house.command("restore", "--acknowledge")
    callers.assert_served()
    verified(house)


def test_a_lost_journal_key_is_never_replaced_by_another(house: House) -> None:
    house.stop()
    (house.home / "secrets" / "journal.key").unlink()

    done = house.attempt("serve")

    assert done.returncode == 1
    assert "journal.key is missing; restore it from your backup" in done.stderr
