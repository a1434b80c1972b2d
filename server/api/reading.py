"""What a request sends: its path, query, headers and body as values of the types that the table says, or a fault."""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

import msgspec

from ca_core.errors import FieldFault, TooLarge
from protocols.wire import Request
from server.api.operation import JSON, Operation
from server.api.problems import Fault
from server.bridge import MOST_BODY_OCTETS

MOST_KEY_SYMBOLS = 128
KEY_PATTERN = f"^[!-~]{{1,{MOST_KEY_SYMBOLS}}}$"
"""What an Idempotency-Key may look like."""
_KEY = re.compile(KEY_PATTERN.removeprefix("^").removesuffix("$"))
_TAG = re.compile(r'(?:W/)?"[!#-~]*"')
_AT = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


def query(request: Request, operation: Operation) -> msgspec.Struct | None:
    """The query's parameters.

    Raises:
        Fault: an unknown one, one that is there twice, or a value that does not fit.
    """
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, errors="strict", max_num_fields=64)
    except ValueError:
        raise Fault(HTTPStatus.BAD_REQUEST, "bad-request", "the query cannot be read") from None
    known = {} if operation.query is None else {one.encode_name: one for one in msgspec.structs.fields(operation.query)}
    faults = [FieldFault(name[:64], "is no parameter of this operation") for name, _ in pairs if name not in known]
    given = dict(pairs)
    if len(given) < len(pairs):
        faults.append(FieldFault("query", "holds a parameter twice"))
    if faults:
        raise _bad_query(faults)
    if operation.query is None:
        return None
    numbers = _numbers(operation.query)
    values: dict[str, str | int] = {
        # Not as msgspec reads them from text: it takes more spellings of a number than its schema does, such as `1e1`.
        name: int(text) if name in numbers and _INTEGER.fullmatch(text) else text
        for name, text in given.items()
    }
    try:
        found: msgspec.Struct = msgspec.convert(values, operation.query)
    except msgspec.ValidationError as error:
        raise _bad_query([_fault(str(error))]) from None
    return found


def body(request: Request, operation: Operation) -> msgspec.Struct | None:
    """The body; one that may be left out, and is, says what its defaults say.

    Raises:
        Fault: another media type than JSON, no JSON, or a field that does not fit, is missing or is not known.
        TooLarge: as it says.
    """
    if len(request.body) > MOST_BODY_OCTETS:
        raise TooLarge(f"the body has more than {MOST_BODY_OCTETS} octets")
    if operation.body is None:
        if request.body and operation.method != "GET":
            raise Fault(HTTPStatus.BAD_REQUEST, "bad-request", "this operation takes no body")
        return None
    sent = request.body
    if sent and request.media_type != JSON:
        raise Fault(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", f"send {JSON}", headers=(("Accept", JSON),)
        )
    if not sent and not operation.needs_body:
        sent = b"{}"
    try:
        found: msgspec.Struct = msgspec.json.decode(sent, type=operation.body)
    except msgspec.ValidationError as error:
        fault = _fault(str(error))
        said = f"{fault.field}: {fault.why}"
        raise Fault(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-form", said, errors=[fault]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Fault(HTTPStatus.BAD_REQUEST, "bad-request", f"the body is no JSON: {error}") from None
    return found


def accepted(request: Request, operation: Operation) -> str:
    """The media type of the answer, which the caller likes best of those that there are (RFC 9110, 12.5.1).

    Raises:
        Fault: the caller takes none of them.
    """
    wanted = request.headers.get("accept", "").strip()
    if not wanted:
        return operation.media[0]
    ranges = [_range(one) for one in wanted.split(",")]
    weights = {media_type: _weight(media_type, ranges) for media_type in operation.media}
    best = max(operation.media, key=lambda media_type: weights[media_type])
    if not weights[best]:
        said = f"this is to be had as {' or '.join(operation.media)}"
        raise Fault(HTTPStatus.NOT_ACCEPTABLE, "not-acceptable", said)
    return best


def tags(request: Request) -> tuple[str, ...] | None:
    """The entity tags of If-Match; None where there is no such header, or it takes any.

    Raises:
        Fault: it holds something else.
    """
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    found = [one.strip() for one in text.split(",")]
    if not all(_TAG.fullmatch(one) for one in found):
        said = 'If-Match must hold an ETag in quotation marks, such as "7", or *'
        raise Fault(HTTPStatus.BAD_REQUEST, "bad-request", said)
    return tuple(found)


def idempotency_key(request: Request) -> str | None:
    """The caller's own name for this request; None where it has none.

    Raises:
        Fault: it is none that we take.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        said = f"an Idempotency-Key is 1 to {MOST_KEY_SYMBOLS} printable ASCII characters without blanks"
        raise Fault(HTTPStatus.BAD_REQUEST, "bad-request", said)
    return key


def require_no_strangers(request: Request) -> None:
    """Let no page of another site change anything through the browser of an officer, whose certificate it sends along.

    Raises:
        Fault: a browser says that this is such a page.
    """
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    is_foreign = origin is not None and _host_in(origin) != host
    if is_foreign or request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise Fault(HTTPStatus.FORBIDDEN, "cross-site", "pages of other sites may not change anything here")


def _host_in(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _bad_query(faults: list[FieldFault]) -> Fault:
    said = "; ".join(f"{fault.field}: {fault.why}" for fault in faults)
    return Fault(HTTPStatus.BAD_REQUEST, "bad-request", said, errors=faults)


def _fault(message: str) -> FieldFault:
    """What msgspec says, as a field and what is wrong with it."""
    at = _AT.search(message)
    place, what = (at["place"], message[: at.start()]) if at else ("", message)
    for pattern, why in ((_UNKNOWN, "is not known here"), (_MISSING, "is missing")):
        if found := pattern.fullmatch(what):
            return FieldFault(f"{place}.{found['name'][:64]}".removeprefix("."), why)
    return FieldFault(place or "the whole", what[:1].lower() + what[1:])


def _range(text: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return media_range, min(max(float(weight), 0.0), 1.0)
    except ValueError:
        return media_range, 0.0


def _weight(media_type: str, ranges: list[tuple[str, float]]) -> float:
    """How much it is liked: by the most exact of the ranges that it is in."""
    kind = media_type.partition("/")[0]
    for like in (media_type, f"{kind}/*", "*/*"):
        weights = [weight for media_range, weight in ranges if media_range == like]
        if weights:
            return max(weights)
    return 0.0


@lru_cache(maxsize=64)
def _numbers(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of a query that are integers."""
    described = msgspec.inspect.type_info(shape)
    fields = described.fields if isinstance(described, msgspec.inspect.StructType) else ()
    return frozenset(one.encode_name for one in fields if isinstance(_bare(one.type), msgspec.inspect.IntType))


def _bare(described: msgspec.inspect.Type) -> msgspec.inspect.Type:
    while isinstance(described, msgspec.inspect.Metadata):
        described = described.type
    return described
