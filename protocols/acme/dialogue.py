"""ACME (RFC 8555) as a dialogue: one request in, one reply out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ca_core.errors import BadRequest, NotFound, Refusal
from protocols.acme import links, problems
from protocols.acme.errors import MethodNotAllowed
from protocols.acme.links import Place, Resource
from protocols.acme.resources.accounts import Accounts
from protocols.acme.resources.authorizations import Authorizations
from protocols.acme.resources.certificates import Certificates
from protocols.acme.resources.challenges import Challenges
from protocols.acme.resources.directory import Directory
from protocols.acme.resources.finalize import Finalize
from protocols.acme.resources.key_change import KeyChange
from protocols.acme.resources.new_authorization import NewAuthorizations
from protocols.acme.resources.new_order import NewOrder
from protocols.acme.resources.orders import Orders
from protocols.acme.resources.renewal_info import RenewalInfo
from protocols.acme.resources.revocation import Revocation
from protocols.acme.services import AcmeOptions, AcmeServices
from protocols.acme.sign_in import AcmeSignIn, ByAccount, ByKey
from protocols.wire import Reply, Request

__all__ = ["AcmeDialogue", "AcmeOptions", "AcmeServices"]

_FIRST_ERROR_STATUS = 400
_CACHE_CONTROL = "Cache-Control"
_ALWAYS = (
    # Clients that run in a browser; what is asked for is signed, and no cookie opens anything here.
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "Link, Location, Replay-Nonce, Retry-After"),
)
_PREFLIGHT = (("Access-Control-Allow-Headers", "Content-Type"), ("Access-Control-Max-Age", "86400"))


@dataclass(frozen=True)
class _Route:
    """What a resource answers: to GET and HEAD, to a POST by an account, to a POST by a key of its own.

    Attributes:
        look_up: to GET and HEAD of one object that everybody may see, by its id.
        needs_agreement: whether it serves only accounts that have accepted the subscriber agreement of today.
    """

    get: Callable[[str], Reply] | None = None
    look_up: Callable[[str], Awaitable[Reply]] | None = None
    by_account: Callable[[ByAccount, str], Awaitable[Reply]] | None = None
    by_key: Callable[[ByKey, str], Awaitable[Reply]] | None = None
    needs_agreement: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        reads = ("GET", "HEAD") if self.get or self.look_up else ()
        posts = ("POST",) if self.by_account or self.by_key else ()
        return (*reads, *posts, "OPTIONS")


class AcmeDialogue:
    """Answers ACME requests."""

    def __init__(self, services: AcmeServices) -> None:
        self._services = services
        self._sign_in = AcmeSignIn(services)
        self._routes = _routes(services)
        self._index = ("Link", f'<{services.links.to(Resource.DIRECTORY)}>;rel="index"')

    async def answer(self, request: Request) -> Reply:
        """Answer one request; every refusal becomes a reply, and anything else that is raised is a bug."""
        place = links.place(request.path)
        try:
            reply = await self._answer(request, place)
        except Refusal as refusal:
            reply = problems.reply(refusal, self._services.links)
        return self._dressed(reply, request.method, place.resource if place else None)

    def refuse(self, refusal: Refusal) -> Reply:
        """What the edge sends when the request could not be read."""
        return self._dressed(problems.reply(refusal, self._services.links), "POST", None)

    def bug_reply(self, reference: str) -> Reply:
        """What the edge sends when `answer` raised."""
        return self._dressed(problems.bug_reply(reference, self._services.links), "POST", None)

    async def _answer(self, request: Request, place: Place | None) -> Reply:
        if place is None:
            raise NotFound("there is nothing here; start at the directory")
        route = self._routes[place.resource]
        match request.method:
            case "POST" if route.by_account or route.by_key:
                return await self._post(request, route, place.id)
            case "GET" | "HEAD" if route.get:
                return route.get(request.method)
            case "GET" | "HEAD" if route.look_up:
                return await route.look_up(place.id)
            case "OPTIONS":
                allowed = ", ".join(route.methods)
                return Reply(204, (("Allow", allowed), ("Access-Control-Allow-Methods", allowed), *_PREFLIGHT))
            case _:
                raise MethodNotAllowed(*route.methods)

    async def _post(self, request: Request, route: _Route, id_: str) -> Reply:
        envelope = self._sign_in.unpack(request)
        if envelope.key is not None and route.by_key:
            return await route.by_key(await self._sign_in.by_key(request, envelope, envelope.key), id_)
        if envelope.kid is not None and route.by_account:
            asked = await self._sign_in.by_account(request, envelope, envelope.kid)
            if route.needs_agreement:
                self._services.agreements.require_accepted(asked.account)
            return await route.by_account(asked, id_)
        wanted = "jwk" if route.by_key else "kid, the URL of your account"
        raise BadRequest(f"sign this request with {wanted} (RFC 8555, 6.2)")

    def _dressed(self, reply: Reply, method: str, resource: Resource | None) -> Reply:
        """Add what every reply carries, and a nonce where one can be used (RFC 8555, 6.5 and 7.1)."""
        headers = [*reply.headers, *_ALWAYS]
        if _CACHE_CONTROL not in dict(reply.headers):
            headers.append((_CACHE_CONTROL, "no-store"))
        if resource is not Resource.DIRECTORY or reply.status >= _FIRST_ERROR_STATUS:
            headers.append(self._index)
        is_error = reply.status >= _FIRST_ERROR_STATUS
        if method == "POST" or is_error or (resource is Resource.NEW_NONCE and method != "OPTIONS"):
            headers.append(("Replay-Nonce", self._services.nonces.issue()))
        return Reply(reply.status, tuple(headers), reply.body)


def _routes(services: AcmeServices) -> Mapping[Resource, _Route]:
    directory, accounts = Directory(services), Accounts(services)
    revocation = Revocation(services)
    return MappingProxyType(
        {
            Resource.DIRECTORY: _Route(get=directory.get, by_account=directory.read),
            Resource.NEW_NONCE: _Route(get=directory.nonce, by_account=directory.read_nonce),
            Resource.NEW_ACCOUNT: _Route(by_key=accounts.create),
            Resource.NEW_ORDER: _Route(by_account=NewOrder(services).create, needs_agreement=True),
            Resource.NEW_AUTHZ: _Route(by_account=NewAuthorizations(services).create, needs_agreement=True),
            Resource.RENEWAL_INFO: _Route(look_up=RenewalInfo(services).read),
            Resource.KEY_CHANGE: _Route(by_account=KeyChange(services).change),
            Resource.REVOKE_CERT: _Route(by_account=revocation.by_account, by_key=revocation.by_key),
            Resource.ACCOUNT: _Route(by_account=accounts.read_or_update),
            Resource.ORDERS: _Route(by_account=accounts.list_orders),
            Resource.ORDER: _Route(by_account=Orders(services).read),
            Resource.FINALIZE: _Route(by_account=Finalize(services).finalize, needs_agreement=True),
            Resource.AUTHORIZATION: _Route(by_account=Authorizations(services).read_or_deactivate),
            Resource.CHALLENGE: _Route(by_account=Challenges(services).read_or_answer),
            Resource.CERTIFICATE: _Route(by_account=Certificates(services).read),
        }
    )
