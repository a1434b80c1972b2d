"""What transactions hold against each other, by name, in the order in which it is taken.

Two that take what they need in this order never wait for each other. Rows that are updated come behind all of it.

=====================  ========================================================  ==================================
what                   held alone by who                                         held shared by who
=====================  ========================================================  ==================================
request                votes on it                                               -
registration           changes it, its sheets or its EAB keys                    issues, orders, binds, signs in by it
password               counts a wrong one, suspends it, acts on a right one      -
acme key               brings an account key                                     -
names of an account    settles or gives up an authorization of them              stands an order on one
holding                issues of one registration, profile and set of names      -
statuses               revokes, holds or releases anything                       -
key                    certifies a public key, or blocks it                      -
quota                  issues of one registration whose kind limits all of it   -
waiting                puts a request down that an officer must look at          -
order                  settles one of its authorizations                         -
=====================  ========================================================  ==================================

A key that is made here has nobody else yet: that it is held before `statuses` lets nobody wait.

The others stand alone: `work` of one kind is leased by one at a time, `authorities` and `migrations` are made by one,
and what came to nothing is cleared away by one.
"""

from __future__ import annotations

import hashlib

STATUSES = "statuses:all"
AUTHORITIES = "authorities:all"
MIGRATIONS = "migrations:all"
LEFTOVERS = "acme-leftovers:all"


def request(number: int) -> str:
    """What waits for officers under a number, and their votes on it."""
    return f"request:{number}"


def registration(registration_id: str) -> str:
    """What is registered of one subscriber, with sheets and EAB keys."""
    return f"registration:{registration_id}"


def password(subject: bytes) -> str:
    """The wrong passwords that were typed in the place of one."""
    return f"password:{subject.hex()}"


def holding(registration_id: str, profile: str, names: str) -> str:
    """What a registration has, or waits for, of a profile and a set of names, as `names.canonical` writes them."""
    return f"holding:{registration_id}:{profile}:{hashlib.sha256(names.encode()).hexdigest()}"


def quota(registration_id: str) -> str:
    """How many live certificates a registration has in all."""
    return f"quota:{registration_id}"


def key(spki_sha256: bytes) -> str:
    """A public key, and all that is certified of it."""
    return f"key:{spki_sha256.hex()}"


def waiting(registration_id: str) -> str:
    """What waits for an officer of one registration."""
    return f"waiting:{registration_id}"


def work(kind: str) -> str:
    """Deferred work of one kind."""
    return f"work:{kind}"


def acme_key(thumbprint: str) -> str:
    """An account key."""
    return f"acme-key:{thumbprint}"


def acme_name(account_id: str, kind: str, value: str) -> str:
    """The authorizations of an account for one name."""
    return f"acme-name:{account_id}:{kind}:{value}"


def acme_order(order_id: str) -> str:
    """An order, and whether what it stands on is proved."""
    return f"acme-order:{order_id}"
