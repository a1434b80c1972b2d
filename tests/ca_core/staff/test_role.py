"""The role matrix: every role asks for every action, in its own realm and in another."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from ca_core.errors import NotFound, NotPermitted
from ca_core.staff.role import EVERY_REALM, MAY, Action, Actor, Role, Via, console, name_in


class Place(msgspec.Struct, frozen=True):
    """A registration, as far as it says whose it is."""

    realm: str
    owner: str | None = None


# Written by hand beside the code's table: one letter a role that may, so that a change of either is seen.
MATRIX = {
    Action.READ_REGISTRATIONS: "osapi",
    Action.REGISTER: "os--i",
    Action.CHANGE_REGISTRATION: "os--i",
    Action.SUSPEND: "os--i",
    Action.RESUME: "os--i",
    Action.CLOSE: "-s--i",
    Action.RENEW_REGISTRATION: "os--i",
    Action.IMPORT: "os--i",
    Action.PRINT_SHEET: "os--i",
    Action.READ_CREDENTIALS: "osapi",
    Action.ADD_CREDENTIAL: "os--i",
    Action.REVOKE_CREDENTIAL: "os--i",
    Action.READ_CERTIFICATES: "osapi",
    Action.REVOKE: "os--i",
    Action.HOLD: "os---",
    Action.RELEASE: "os---",
    Action.REVOKE_MANY: "-s---",
    Action.RECALL: "-s---",
    Action.READ_REQUESTS: "osapi",
    Action.APPROVE: "os---",
    Action.REJECT: "os---",
    Action.READ_JOURNAL: "osap-",
    Action.VERIFY_JOURNAL: "osap-",
    Action.EXPLAIN_ORDER: "osap-",
    Action.UNPAUSE: "os---",
    Action.READ_NOTICES: "osap-",
    Action.READ_OFFICERS: "osap-",
    Action.MANAGE_OFFICERS: "-s-p-",
    Action.READ_TOKENS: "-sap-",
    Action.MANAGE_TOKENS: "-s-p-",
    Action.READ_SERVER: "--ap-",
    Action.PUBLISH_CRL: "---p-",
    Action.MANAGE_AUTHORITIES: "---p-",
    Action.BACK_UP: "---p-",
}
"""In the order officer, supervisor, auditor, operator (p), integrator."""
ROLES = (Role.OFFICER, Role.SUPERVISOR, Role.AUDITOR, Role.OPERATOR, Role.INTEGRATOR)


def actor(role: Role, realm: str = "north", scope: frozenset[Action] | None = None) -> Actor:
    return Actor("alice", role, realm, "me", Via.API, scope)


def may(who: Actor, action: Action) -> bool:
    try:
        who.require(action)
    except NotPermitted:
        return False
    return True


def test_the_matrix_is_about_every_role_and_every_action() -> None:
    assert set(MATRIX) == set(Action)
    assert set(ROLES) == set(Role) == set(MAY)


@pytest.mark.parametrize(("role", "action", "realm"), list(itertools.product(ROLES, Action, ("north", "south"))))
def test_a_role_may_do_what_the_matrix_says_where_its_realm_is(role: Role, action: Action, realm: str) -> None:
    who = actor(role)
    place = Place(realm, owner="me")

    does = may(who, action) and who.sees(place)

    assert may(who, action) == (MATRIX[action][ROLES.index(role)] != "-")
    assert does == (may(who, action) and realm == "north")


def test_an_auditor_changes_nothing() -> None:
    changing = [action for action in MAY[Role.AUDITOR] if action.partition(":")[2] not in {"read", "verify", "explain"}]

    assert changing == []


@pytest.mark.parametrize("role", [role for role in ROLES if role is not Role.INTEGRATOR])
def test_staff_sees_what_anybody_registered_in_its_realm(role: Role) -> None:
    assert actor(role).sees(Place("north", owner="somebody"))
    assert actor(role).sees(Place("north"))
    assert actor(role, EVERY_REALM).sees(Place("south"))


def test_an_integrator_sees_its_own_registrations_only() -> None:
    who = actor(Role.INTEGRATOR)

    assert who.sees(Place("north", owner="me"))
    assert not who.sees(Place("north", owner="somebody"))
    assert not who.sees(Place("north"))


def test_what_is_another_realms_does_not_exist() -> None:
    actor(Role.OFFICER).require_sight(Place("north"))

    with pytest.raises(NotFound, match="there is no such registration"):
        actor(Role.OFFICER).require_sight(Place("south"))


def test_a_tokens_scope_narrows_its_role_and_never_widens_it() -> None:
    who = actor(Role.INTEGRATOR, scope=frozenset({Action.REGISTER, Action.BACK_UP}))

    assert who.permitted == {Action.REGISTER}
    with pytest.raises(NotPermitted, match="this token's scope does not permit registrations:read"):
        who.require(Action.READ_REGISTRATIONS)
    with pytest.raises(NotPermitted, match="the role integrator does not permit server:backup"):
        who.require(Action.BACK_UP)


def test_who_types_commands_may_do_everything_everywhere() -> None:
    who = console("root")

    assert who.permitted == frozenset(Action)
    assert who.sees(Place("south", owner="somebody"))
    assert who.journal_name == "cli:operator:root"


def test_somebody_is_the_same_wherever_they_act() -> None:
    assert name_in(actor(Role.OFFICER).journal_name) == name_in(console("alice").journal_name) == "alice"
