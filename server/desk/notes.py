"""What officers write beside what they do, and what a page says after it was done."""

from __future__ import annotations

from collections.abc import Mapping

from ca_core.errors import BadRequest
from server.desk.visit import Visit

MOST_CHARACTERS = 1000


def note_in(visit: Visit) -> str:
    """The note of a form, as it goes into the journal.

    Raises:
        BadRequest: it is too long, or holds characters that nobody sees.
    """
    note = visit.form.get("note")
    if len(note) > MOST_CHARACTERS:
        raise BadRequest(f"a note has at most {MOST_CHARACTERS} characters; put the rest into your files")
    if not all(character.isprintable() or character == "\n" for character in note):
        raise BadRequest("the note holds characters that nobody sees; type it anew")
    return note


def said_in(visit: Visit, known: Mapping[str, str]) -> str:
    """What a page says first, in English: one of our own sentences, by its name in the query; empty for none."""
    return known.get(visit.query.get("said"), "")
