"""What is wrong with fields, in the reader's language: the core says it in English.

A sentence is known by its English pattern, which is the catalogs' text as well. One that is not known is shown as it
is, marked as English.
"""

from __future__ import annotations

import re
from functools import lru_cache

from markupsafe import Markup, escape

from server.desk.words import phrase
from server.web.languages import Texts

# What fits several comes with the narrower one first.
PATTERNS = (
    phrase("holds %(code)s, which turns the direction of writing"),
    phrase("holds the control character %(code)s"),
    phrase("holds %(code)s, which is invisible or no character"),
    phrase("holds %(code)s, which chooses a variant of what has none"),
    phrase("holds %(code)s, which stands for %(text)s; write that"),
    phrase("is not in normal form (Unicode NFC) at %(code)s; write %(text)s"),
    phrase("mixes the scripts %(scripts)s"),
    phrase("mixes digits of several scripts"),
    phrase("are more than %(most)s"),
    phrase("hold one twice"),
    phrase("must be from 1 to %(most)s, or without limit"),
    phrase("must be a number from %(least)s to %(most)s"),
    phrase("must be ticked: the data were compared with the subscriber's papers"),
    phrase("has more than %(most)s characters"),
    phrase("is %(text)s, which is no telephone number"),
    phrase("is %(text)s, which is no country of ISO 3166"),
    phrase("is %(text)s; choose among %(choice)s"),
    phrase("is missing; this kind needs a Taiwan ID number"),
    phrase("is missing; this kind needs a Taiwan company number"),
    phrase("is missing; this kind needs a Taiwan ID or company number"),
    phrase("is not a Taiwan ID number, or its check digit is wrong"),
    phrase("is not a Taiwan company number, or its check digit is wrong"),
    phrase("is not a Taiwan ID or company number, or its check digit is wrong"),
    phrase("is outside of %(where)s, where this kind's addresses lie"),
    phrase("is outside of %(where)s, where this kind's names lie"),
    phrase("%(name)s may not be granted to a registration of the kind %(kind)s; choose among %(choice)s"),
    phrase("there is no profile %(name)s to grant"),
    phrase("DNS name %(text)s is not ASCII; write an internationalized name as its A-label (xn--...)"),
    phrase("%(text)s is not a DNS name in lower-case preferred syntax"),
    phrase("%(text)s has a label that spells no internationalized one: %(label)s"),
    phrase("%(text)s is an address or ends in a number; name an address as an IP identifier"),
    phrase("%(text)s is not a DNS name: %(why)s"),
    phrase("%(text)s is a wildcard; the zone %(zone)s grants every name below it"),
    phrase("%(text)s is not an IP address"),
    phrase("%(text)s names a zone of its host; leave out what follows the percent sign"),
    phrase("%(text)s is not in canonical form; write %(better)s"),
    phrase("%(text)s is not an e-mail address"),
    phrase("%(text)s is not an absolute URI"),
    phrase("%(text)s is not a permanent identifier"),
    phrase("%(text)s is not a network such as 192.0.2.0/24 or 2001:db8::/32"),
    phrase("a distinguished name must not be empty; write one such as CN=Name,O=Organization,C=TW"),
    phrase("a distinguished name must not have more than %(most)s characters"),
    phrase("a distinguished name must not contain control or invisible characters"),
    phrase(
        "%(text)s cannot be read as a distinguished name; write attributes joined by commas without blanks (RFC 4514),"
        " a CN of at most 64 octets of UTF-8, a C of two letters, and no others than %(choice)s"
    ),
    phrase("attribute %(oid)s is not known here; use %(choice)s"),
    phrase("C must be a country code of two capital letters (ISO 3166), and not %(text)s"),
    phrase("DC must be ASCII; write an internationalized name as its A-label (xn--...)"),
    phrase("%(label)s must not be empty"),
    phrase("%(label)s must not have more than %(most)s characters"),
    phrase("%(label)s must be a PrintableString: letters, digits, blanks and '()+,-./:=?"),
    phrase("an account is 2 to 64 letters, digits, dots, underscores or hyphens, starting with a letter or digit"),
    phrase("the account %(account)s exists already; choose another"),
    phrase("changes only when the registration is renewed"),
    phrase("nothing below %(name)s is registered for this account; ask your registration authority"),
    phrase("%(name)s is not registered for this account; ask your registration authority"),
    phrase("at most %(most)s names can limit one credential; name a zone instead"),
    phrase("and %(count)s more"),
)
_HOLE = re.compile(r"%\((\w+)\)s")


def said(why: str, texts: Texts) -> Markup:
    """What is wrong, as text of a page."""
    if found := translated(why, texts):
        return escape(found)
    # Of one attribute, or of one name, of a field that holds several.
    head, _, rest = why.partition(" ")
    if found := translated(rest, texts):
        return escape(f"{head} {found}")
    return Markup('<span lang="en">{}</span>').format(why)


def translated(why: str, texts: Texts) -> str | None:
    """The sentence in another language; None where it is not a known one."""
    for pattern in PATTERNS:
        if found := _expression(pattern).fullmatch(why):
            return texts.gettext(pattern) % found.groupdict()
    return None


@lru_cache(maxsize=len(PATTERNS))
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = _HOLE.split(pattern)
    # Names stand at every second place.
    expression = "".join(f"(?P<{piece}>.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    return re.compile(expression, re.DOTALL)
