"""From a file to a version that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from server import agreement
from server.setting_tables import Agreement
from tests.builders.core import core

SETTINGS = Agreement("agreement.txt", "2026-1")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("a.txt", "text/plain"), ("a", "text/plain"), ("a.html", "text/html"), ("a.HTM", "text/html")],
)
def test_the_media_type_is_told_by_the_name(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).write_text("terms")

    read = agreement.read(Agreement(name, "2026-1"), tmp_path)

    assert read is not None
    assert (read.version, read.media_type, read.text) == ("2026-1", media_type, b"terms")


def test_without_a_file_there_is_no_agreement(tmp_path: Path) -> None:
    assert agreement.read(Agreement(), tmp_path) is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"agreement\.file: cannot read .*agreement\.txt"):
        agreement.read(SETTINGS, tmp_path)


async def test_a_version_is_published_once_and_its_text_never_changes(tmp_path: Path) -> None:
    async with core(tmp_path) as strongroom:
        for text in ("terms", "terms"):
            (tmp_path / "agreement.txt").write_text(text)
            current = agreement.read(SETTINGS, tmp_path)
            assert current is not None
            await agreement.publish(current, strongroom.database, strongroom.clock)
        (tmp_path / "agreement.txt").write_text("other terms")
        changed = agreement.read(SETTINGS, tmp_path)
        assert changed is not None

        with pytest.raises(Misconfigured, match="2026-1 was published with another text"):
            await agreement.publish(changed, strongroom.database, strongroom.clock)

        (event,) = await strongroom.journal("agreement-published")
        assert (event.actor, event.detail["version"]) == ("server:agreement", "2026-1")
