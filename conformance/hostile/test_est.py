"""Bad input to EST: each a clear 4xx in EST's own form, and nothing changes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.clients.device import Device
from conformance.house import House

Sheet = dict[str, Any]


class Scene:
    """A registration, a device with its request, and how to send it."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.sheet: Sheet = house.register(
            "--kind", "device", "--subject", "CN=sensor,C=TW", "--dns", "sensor.example", "--uses", "unlimited"
        )
        self.device = Device(house, folder / "device")
        self.account, self.code = self.sheet["account"], self.sheet["enrollment_code"]

    def send(self, path: str = "simpleenroll", *options: str | Path, **extra: str) -> int:
        return self.device.post(path, "-u", f"{self.account}:{self.code}", *options, **extra)

    def body(self, content: bytes) -> None:
        self.device.request.write_bytes(content)


def wrong_password(scene: Scene) -> int:
    scene.code = scene.code[::-1]
    return scene.send()


def unknown_account(scene: Scene) -> int:
    scene.account = "nobody"
    return scene.send()


def no_password(scene: Scene) -> int:
    return scene.device.post("simpleenroll")


def suspended(scene: Scene) -> int:
    scene.house.command("suspend", scene.account)
    return scene.send()


def closed(scene: Scene) -> int:
    scene.house.command("close", scene.account)
    return scene.send()


def unknown_label(scene: Scene) -> int:
    return scene.send("no-such-label/simpleenroll")


def label_not_granted(scene: Scene) -> int:
    return scene.send("signing/simpleenroll")


def unknown_operation(scene: Scene) -> int:
    return scene.send("complexenroll")


def wrong_method(scene: Scene) -> int:
    return scene.send("simpleenroll", "-X", "PUT")


def wrong_media_type(scene: Scene) -> int:
    return scene.send(media_type="Content-Type: application/json")


def oversized(scene: Scene) -> int:
    scene.body(b"QUJD" * 30_000)
    return scene.send()


def oversized_and_chunked(scene: Scene) -> int:
    scene.body(b"QUJD" * 30_000)
    return scene.send("simpleenroll", "-H", "Transfer-Encoding: chunked")


def empty(scene: Scene) -> int:
    scene.body(b"")
    return scene.send()


def broken_base64(scene: Scene) -> int:
    scene.body(b"MII*not base64*")
    return scene.send()


def broken_der(scene: Scene) -> int:
    scene.body(b"MIIBAAAA\n")
    return scene.send()


def bad_signature(scene: Scene) -> int:
    der = bytearray((scene.device.folder / "request.der").read_bytes())
    der[-1] ^= 1
    (scene.device.folder / "request.der").write_bytes(der)
    scene.body(base64.encodebytes(der))
    return scene.send()


def weak_key(scene: Scene) -> int:
    scene.device.new_key("RSA", "rsa_keygen_bits:1024")
    scene.device.ask("/CN=sensor")
    return scene.send()


def name_not_granted(scene: Scene) -> int:
    scene.device.ask("/CN=sensor", "subjectAltName=DNS:bank.example")
    return scene.send()


def ca_certificate(scene: Scene) -> int:
    scene.device.ask("/CN=sensor", "basicConstraints=critical,CA:TRUE")
    return scene.send()


def renewal_without_certificate(scene: Scene) -> int:
    return scene.send("simplereenroll")


CASES: list[tuple[Callable[[Scene], int], int]] = [
    (wrong_password, 401),
    (unknown_account, 401),
    (no_password, 401),
    (suspended, 403),
    (closed, 403),
    (unknown_label, 404),
    (label_not_granted, 403),
    (unknown_operation, 404),
    (wrong_method, 405),
    (wrong_media_type, 415),
    (oversized, 413),
    (oversized_and_chunked, 413),
    (empty, 400),
    (broken_base64, 400),
    (broken_der, 400),
    (bad_signature, 400),
    (weak_key, 400),
    (name_not_granted, 403),
    (ca_certificate, 400),
    (renewal_without_certificate, 403),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("est"))
    built.start()
    yield built
    built.close()


@pytest.mark.parametrize(("attack", "status"), CASES, ids=[attack.__name__ for attack, _ in CASES])
def test_bad_input_is_refused_clearly_and_changes_nothing(
    shared: House, tmp_path: Path, attack: Callable[[Scene], int], status: int
) -> None:
    scene = Scene(shared, tmp_path)

    answered = attack(scene)

    assert answered == status, scene.device.said()
    assert scene.device.header("Content-Type") == "text/plain; charset=utf-8"
    assert len(scene.device.said().splitlines()) == 1
    assert (scene.device.header("WWW-Authenticate") is not None) == (status == 401)
    assert shared.certificates(scene.sheet["account"]) == []


def test_wrong_and_unknown_are_answered_alike(shared: House, tmp_path: Path) -> None:
    wrong, unknown = Scene(shared, tmp_path / "a"), Scene(shared, tmp_path / "b")
    wrong_password(wrong)
    unknown_account(unknown)

    assert wrong.device.said() == unknown.device.said()


def test_wrong_secrets_are_throttled_by_source_and_right_ones_are_not(house: House, tmp_path: Path) -> None:
    scene = Scene(house, tmp_path)
    right, wrong = scene.code, scene.code[::-1]
    scene.code = wrong

    # On a busy machine a token may come back meanwhile: it is the first answer of the throttle that is looked at.
    statuses = [scene.send()]
    while statuses[-1] == 401 and len(statuses) < 100:
        statuses.append(scene.send())

    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert int(scene.device.header("Retry-After") or 0) >= 1
    scene.code = right
    assert scene.send() == 200
