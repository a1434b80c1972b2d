from __future__ import annotations

import pytest
from argon2.low_level import Type, verify_secret

from ca_core.errors import Damaged
from ca_core.registration.password_hash import Cost, Record, new_salt, read, stretched

CHEAP = Cost(memory_kib=64, passes=1)


def made(password: bytes = b"pepper") -> Record:
    salt = new_salt()
    return Record(CHEAP, salt, stretched(password, CHEAP, salt))


def test_a_hash_is_written_as_every_argon2_reads_it() -> None:
    record = made()

    assert record.written.startswith(b"$argon2id$v=19$m=64,t=1,p=1$")
    assert verify_secret(record.written, b"pepper", Type.ID)


def test_what_was_written_is_read() -> None:
    record = made()

    assert read(record.written) == record


def test_the_least_that_is_asked_for_is_the_default() -> None:
    assert Cost() == Cost(memory_kib=19 * 1024, passes=2, lanes=1)


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"$argon2id$v=16$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"$argon2id$v=19$m=64,t=1,p=1$short$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        # Four gigabytes and more, a thousand passes and more, and less memory than lanes need.
        b"$argon2id$v=19$m=9999999,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"$argon2id$v=19$m=64,t=9999,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        b"$argon2id$v=19$m=8,t=1,p=2$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_what_nobody_has_written_is_damage(written: bytes) -> None:
    with pytest.raises(Damaged, match="password"):
        read(written)
