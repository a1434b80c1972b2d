"""A thousand sheets, and not one secret in what stays behind (RULES, S2; issue 7)."""

from __future__ import annotations

import asyncio
import base64
import logging
import subprocess
from pathlib import Path

import pytest

from ca_core.registration import sheet as sheet_module
from ca_core.registration.contact import Contact
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Sheet
from server.cli.making import first_settings, make_home
from server.office import office
from server.sheets import document
from tests.server.sheets.papers import NOW, secrets_of, text_of

SHEETS = 1000


async def test_after_a_thousand_sheets_no_secret_is_in_database_wal_logs_or_temporary_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, spare, log = tmp_path / "home", tmp_path / "spare", tmp_path / "server.log"
    spare.mkdir()
    monkeypatch.setenv("TMPDIR", str(spare))
    logging.basicConfig(filename=log, level=logging.DEBUG, force=True)
    await make_home(home, first_settings("localhost", 8443, development=True), "ec-p256", ())

    async with office(home) as opened:
        forms = [Form("partner", f"CN=partner {number},C=TW", account=f"partner-{number}") for number in range(SHEETS)]
        made = [sheet for _, sheet in await asyncio.gather(*(opened.desk.register(form, actor="t") for form in forms))]
        text = [sheet_module.as_text(sheet, opened.places) for sheet in made]
        names = [Contact(name=form.subject) for form in forms]
        pdf = await document.pdf(made, names, opened.places, ["zh-Hant"] * SHEETS, now=NOW)
        # Looked at while the database is open, so that its log of what is yet to be moved is there too.
        assert (home / "soapstone.db-wal").stat().st_size > 0
        kept = holding_any_of(made, tmp_path)

    assert kept == []
    assert holding_any_of(made, tmp_path) == []
    assert list(spare.iterdir()) == []
    assert all(secret in page for sheet, page in zip(made, text, strict=True) for secret in secrets_of(sheet)[:2])
    pages = text_of(pdf).split("\f")
    assert all(secret in page for sheet, page in zip(made, pages, strict=False) for secret in secrets_of(sheet))
    (tmp_path / "forgotten").write_text(text[-1])
    assert holding_any_of(made, tmp_path) == [tmp_path / "forgotten"]


def holding_any_of(sheets: list[Sheet], folder: Path) -> list[Path]:
    """The files below a folder that hold a secret of a sheet, as it is printed or, of a MAC key, as it is."""
    secrets = [secret for sheet in sheets for secret in secrets_of(sheet) if sheet.eab and secret != sheet.eab.kid]
    done = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--text", "--fixed-strings", "--file=-", folder],
        input="\n".join(secrets),
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    assert done.stderr == ""
    keys = [base64.urlsafe_b64decode(f"{sheet.eab.mac_key.reveal()}=") for sheet in sheets if sheet.eab]
    content = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return sorted(
        {*map(Path, done.stdout.splitlines()), *(p for p, octets in content.items() if any(k in octets for k in keys))}
    )
