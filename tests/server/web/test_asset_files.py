"""What pages load is ours to serve, and is never another thing at the same address."""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path

import pytest

from protocols.wire import Peer, Reply, Request
from server.web.asset_files import AssetFiles

PICTURE = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' stroke='rgb(1, 2, 3)'/%3E"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "desk.css").write_text("body{}")
    (tmp_path / "pico.css").write_text(f'select{{background:url("{PICTURE}")}}')
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "install").write_text("#!/bin/sh")
    (tmp_path / "package.json").write_text("{}")
    return tmp_path


def fetched(assets: AssetFiles, path: str, method: str = "GET") -> Reply:
    return assets.answer(Request(method, path, {}, b"", Peer("192.0.2.1")))


def test_pictures_within_style_sheets_are_served_by_themselves(folder: Path) -> None:
    assets = AssetFiles(folder)
    style = fetched(assets, assets.styles[0].place).body.decode()

    place = style.partition('url("')[2].partition('"')[0]
    picture = fetched(assets, place)

    assert "data:" not in style
    assert picture.body == b"<svg xmlns='http://www.w3.org/2000/svg' stroke='rgb(1, 2, 3)'/>"
    assert dict(picture.headers)["Content-Type"] == "image/svg+xml"


def test_the_style_sheet_from_npm_comes_first_and_may_be_missing(folder: Path) -> None:
    both = AssetFiles(folder).styles
    (folder / "pico.css").unlink()

    alone = AssetFiles(folder).styles

    assert [style.place.split(".")[0] for style in both] == ["/assets/pico", "/assets/desk"]
    assert alone == both[1:]


def test_a_script_that_was_not_built_is_none(folder: Path) -> None:
    (folder / "portal.js").write_text("sign();")
    assets = AssetFiles(folder)

    built = assets.named("portal.js")

    assert built is not None
    assert built.place.startswith("/assets/portal.")
    assert built.integrity.startswith("sha384-")
    assert assets.named("keys.js") is None


def test_a_script_is_served_as_one_and_held_to_its_content(folder: Path) -> None:
    (folder / "passkey.js").write_text("say();")
    assets = AssetFiles(folder)

    reply = fetched(assets, assets.script.place)

    assert dict(reply.headers)["Content-Type"] == "text/javascript; charset=utf-8"
    assert assets.script.integrity == "sha384-" + base64.b64encode(hashlib.sha384(reply.body).digest()).decode()


def test_another_content_has_another_address(folder: Path) -> None:
    before = AssetFiles(folder)
    (folder / "icon.svg").write_text("<svg></svg>")

    after = AssetFiles(folder)

    assert before.icon != after.icon
    assert fetched(after, before.icon).status == 404


@pytest.mark.parametrize(
    "path", ["/assets/", "/assets/desk.css", "/assets/install", "/assets/package.json", "/assets/.."]
)
def test_nothing_else_of_the_folder_is_served(folder: Path, path: str) -> None:
    assert fetched(AssetFiles(folder), path).status == 404


def test_an_asset_can_only_be_read(folder: Path) -> None:
    assets = AssetFiles(folder)

    assert fetched(assets, assets.icon, "HEAD").status == 200
    assert fetched(assets, assets.icon, "POST").status == 405


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [("gzip, deflate, br", True), ("br;q=1, gzip;q=0.5", True), ("gzip; q=0", False), ("br", False), ("", False)],
)
def test_browsers_that_unpack_get_less_to_load(folder: Path, accepted: str, is_packed: bool) -> None:
    (folder / "desk.css").write_text("body{}" * 1_000)
    assets = AssetFiles(folder)
    place = assets.styles[1].place

    reply = assets.answer(Request("GET", place, {"accept-encoding": accepted}, b"", Peer("192.0.2.1")))

    assert (dict(reply.headers).get("Content-Encoding") == "gzip") is is_packed
    assert dict(reply.headers)["Vary"] == "Accept-Encoding"
    assert (gzip.decompress(reply.body) if is_packed else reply.body) == b"body{}" * 1_000
