"""Notices at work: who finds what is to be told, who sends it, and what piles up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ca_core.clock import Clock, rfc3339
from ca_core.notices.collecting import MAIL_CHANNEL, Channel, Collector, hook_channel
from ca_core.notices.notice import MAIL, WEBHOOK, Topic
from ca_core.notices.outbox import BY_MAIL, BY_WEBHOOK, Courier, NotEver, Send
from ca_core.notices.readers import Readers
from ca_core.notices.webhook import key_of
from ca_core.store import outbox
from ca_core.store.outbox import Parcel, Pile
from server.fellows import for_all
from server.letters import Letters
from server.mail import MailServer
from server.notice_settings import naming, tls_context
from server.office import Office
from server.probes import settings as probe_settings
from server.settings import read_secret
from server.webhooks import Hook
from server.workers import Worker

_DUTY = "notices"
_EVERY_SECONDS = 2
_MOST_AT_ONCE = 200
_HOOK_SECONDS = 15.0


class Allowance:
    """How many mails may still be handed over in this minute."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._minute = -1
        self._used = 0

    @property
    def left(self) -> int:
        """How many; a minute that has not been seen begins anew."""
        minute = self._clock.now() // 60
        if minute != self._minute:
            self._minute, self._used = minute, 0
        return self._per_minute - self._used

    def use(self, count: int) -> None:
        """Take some away."""
        self._used += count


def channels(opened: Office) -> list[Channel]:
    """The ways out that settings have."""
    hooks = opened.settings.webhooks
    mail = [MAIL_CHANNEL] if opened.settings.mail.host else []
    return mail + [
        hook_channel(name, frozenset(map(Topic, hook.events)), hook.realm) for name, hook in sorted(hooks.items())
    ]


def collector(opened: Office) -> Collector:
    """Who finds what is to be told."""
    window_days = opened.settings.renewal.window_days
    return Collector(opened.database, opened.clock, opened.profiles, window_days=window_days, channels=channels(opened))


def readers(opened: Office) -> Readers:
    """Who reads mail."""
    window_seconds = collector(opened).window_seconds
    return Readers(opened.database, opened.clock, opened.keeper, window_seconds=window_seconds)


def senders(opened: Office) -> dict[str, Send]:
    """How each channel's notices are sent.

    Raises:
        Misconfigured: a secret or a file that settings refer to cannot be read; says which.
    """
    made: dict[str, Send] = {f"{WEBHOOK}{name}": _hook(opened, name).send for name in opened.settings.webhooks}
    return {MAIL: _by_mail(opened), **made} if opened.settings.mail.host else made


def workers(opened: Office) -> list[Worker]:
    """One that finds what is to be told, and one for each channel; of several servers, one takes their turns."""
    allowance = Allowance(opened.clock, opened.settings.mail.per_minute)

    def turn_of(channel: str, send: Send) -> Callable[[], Awaitable[object]]:
        is_mail = channel == MAIL
        courier = Courier(opened.database, opened.clock, channel, send, BY_MAIL if is_mail else BY_WEBHOOK)

        async def turn() -> None:
            if is_mail:
                allowance.use(await courier.turn(min(allowance.left, _MOST_AT_ONCE)))
                return
            while await courier.turn(_MOST_AT_ONCE) == _MOST_AT_ONCE:
                pass

        return turn

    turns = {channel: turn_of(channel, send) for channel, send in senders(opened).items()}
    jobs: dict[str, Callable[[], Awaitable[object]]] = {_DUTY: collector(opened).turn, **turns}
    return [
        Worker(name, for_all(opened.database, _DUTY, turn), every_seconds=_EVERY_SECONDS) for name, turn in jobs.items()
    ]


async def report(opened: Office) -> list[str]:
    """What `doctor` says of each channel.

    Raises:
        Misconfigured: as `senders`.
    """
    known = senders(opened)
    async with opened.database.read() as tx:
        piles = {pile.channel: pile for pile in await outbox.piles(tx)}
        rests = {channel: await outbox.rest(tx, channel) for channel in known}
    empty = {channel: Pile(channel, 0, 0, rests[channel]) for channel in known if channel not in piles}
    return [
        _said(pile, is_set=pile.channel in known)
        for pile in sorted([*piles.values(), *empty.values()], key=lambda pile: pile.channel)
    ]


def _said(pile: Pile, *, is_set: bool) -> str:
    since = f", since {rfc3339(pile.since)}" if pile.waiting else ""
    line = f"{pile.channel}: {pile.waiting} wait{since}"
    if not is_set:
        return f"--  {line}; settings have it no more, and the server's next start drops them"
    if pile.rest.failures:
        rests = f", rests until {rfc3339(pile.rest.paused_until)}" if pile.rest.paused_until else ""
        return f"--  {line}; failed {pile.rest.failures} times in a row{rests}: {pile.rest.why}"
    return f"ok  {line}"


def _by_mail(opened: Office) -> Send:
    mail = opened.settings.mail
    with naming("mail.password"):
        password = read_secret(mail.password, opened.home) if mail.password else None
    server = MailServer(mail, password, tls_context("mail.trust_anchors", mail.trust_anchors, opened.home))
    letters = Letters(mail.sender, opened.places, opened.settings.public)
    finding = readers(opened)

    async def send(parcel: Parcel) -> None:
        reader = await finding.of(parcel.notice)
        try:
            message = letters.write(parcel, reader)
        except ValueError as error:
            raise NotEver(str(error)) from error
        await server.take(message, recipient=reader.email)

    return send


def _hook(opened: Office, name: str) -> Hook:
    settings = opened.settings
    hook = settings.webhooks[name]
    policy = probe_settings.policy(settings.acme, settings.listen, settings.ports)
    with naming(f"webhooks.{name}.secret"):
        key = key_of(read_secret(hook.secret, opened.home))
    return Hook(
        opened.database,
        opened.clock,
        url=hook.url,
        key=key,
        policy=probe_settings.for_calls(policy, hook.networks, total_seconds=_HOOK_SECONDS),
        tls=tls_context(f"webhooks.{name}.trust_anchors", hook.trust_anchors, opened.home),
    )
