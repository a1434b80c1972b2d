"""How a store in PostgreSQL is opened: what is said when it cannot be, and that no secret is among it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from ca_core.store.database import Database
from ca_core.store.opening import open_database
from conformance.postgresql import PASSWORD, Cluster


@pytest.fixture
async def name(cluster: Cluster) -> AsyncIterator[str]:
    """A database without a table."""
    made = cluster.make()
    yield made
    cluster.drop(made)


async def opened(url: str, *, create: bool = True) -> Database:
    return await open_database(url, Path(), create=create)


async def facts(url: str, *settings: str) -> list[str]:
    """What a session says of itself."""
    database = await opened(url)
    async with database.read() as tx:
        found = [str((await tx.all(f"SELECT current_setting('{setting}')"))[0][0]) for setting in settings]
    await database.close()
    return found


def password_file(folder: Path, password: str) -> Path:
    file = folder / "passwords"
    file.touch(mode=0o600)
    file.write_text(f"*:*:*:locked:{password}\n")
    return file


async def refusal_of(url: str, *, create: bool = True) -> str:
    with pytest.raises(Misconfigured) as refused:
        await opened(url, create=create)
    return str(refused.value)


async def test_the_password_comes_from_a_file(cluster: Cluster, name: str, tmp_path: Path) -> None:
    file = password_file(tmp_path, PASSWORD)

    assert await facts(f"{cluster.loopback_url(name, 'locked')}?passfile={file}", "is_superuser") == ["on"]


async def test_a_wrong_password_is_said_and_not_which(cluster: Cluster, name: str, tmp_path: Path) -> None:
    file = password_file(tmp_path, "not-the-right-one")

    said = await refusal_of(f"{cluster.loopback_url(name, 'locked')}?passfile={file}")

    assert "password authentication failed" in said
    assert "not-the-right-one" not in said


async def test_a_missing_password_is_said(cluster: Cluster, name: str, tmp_path: Path) -> None:
    assert "password" in await refusal_of(f"{cluster.loopback_url(name, 'locked')}?passfile={tmp_path / 'none'}")


async def test_a_missing_database_is_said(cluster: Cluster) -> None:
    assert 'database "nowhere" does not exist' in await refusal_of(cluster.url("nowhere"))


@pytest.mark.parametrize(
    "url",
    ["postgresql://ca@/store?host=/nowhere", "postgresql://ca@127.0.0.1:1/store", "postgresql://ca@nowhere.invalid/x"],
)
async def test_a_server_that_is_not_there_is_said(url: str) -> None:
    assert "cannot connect to the database of store.url" in await refusal_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ca:SECRET@127.0.0.1/store",
        "postgresql://ca:SECRET@/store?host=/run/postgresql",
        "postgresql://ca@/store?password=SECRET",
        "postgresql://ca@/store?sslpassword=SECRET",
        "postgresql://ca:SE#CRET@127.0.0.1/store",
        "postgresql://ca:SE/CRET@127.0.0.1/store",
        "postgresql://ca:SE?CRET@127.0.0.1/store",
        "postgresql://ca:SE[CRET@127.0.0.1/store",
        "postgresql://ca@127.0.0.1,,/store?port=SECRET",
    ],
)
async def test_no_word_of_a_password_in_the_url_is_said(url: str) -> None:
    said = await refusal_of(url)

    assert "store.url" in said
    assert not {"SECRET", "SE", "CRET"} & set(said.replace("'", " ").split())


@pytest.mark.parametrize("begin", ["postgresql:", "postgresql:/", "postgresql:///", "postgresql://127.0.0.1/"])
async def test_a_password_that_slipped_behind_a_slash_is_no_database_to_be_named(cluster: Cluster, begin: str) -> None:
    where = cluster.url("x").partition("?")[2]

    said = await refusal_of(f"{begin}ca:SECRET@127.0.0.1/store?{where}&user=soapstone")

    assert "store.url cannot be read" in said
    assert "SECRET" not in said


@pytest.mark.parametrize("parameter", ["connect_timeout", "channel_binding", "require_auth", "work_mem"])
async def test_what_the_driver_would_leave_out_is_refused_by_name(cluster: Cluster, name: str, parameter: str) -> None:
    assert f"store.url says {parameter}" in await refusal_of(f"{cluster.url(name)}&{parameter}=require")


async def test_a_service_says_where(
    cluster: Cluster, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    where = f"host=127.0.0.1\nport={cluster.port}\nuser=locked\npassword={PASSWORD}\ndbname={name}\n"
    file.write_text(f"[ca]\n{where}[guarded]\n{where}channel_binding=require\n")

    assert await facts("postgresql://?service=ca", "is_superuser") == ["on"]
    assert "the service guarded of store.url says channel_binding" in await refusal_of("postgresql://?service=guarded")
    assert "names the service another" in await refusal_of("postgresql://?service=another")


async def test_of_several_hosts_the_one_that_answers_is_taken(cluster: Cluster, name: str) -> None:
    url = f"postgresql://soapstone@127.0.0.1:1,127.0.0.1:{cluster.port}/{name}?target_session_attrs=read-write"

    assert await facts(url, "port") == [str(cluster.port)]


async def test_tls_that_is_required_is_not_left_out(cluster: Cluster, name: str) -> None:
    assert "SSL" in await refusal_of(f"{cluster.loopback_url(name)}?sslmode=require")


async def test_certificates_that_are_missing_are_said(cluster: Cluster, name: str) -> None:
    said = await refusal_of(f"{cluster.loopback_url(name)}?sslmode=verify-full&sslrootcert=/nowhere.pem")

    assert "No such file" in said


async def test_what_is_confirmed_is_on_the_disk_whatever_the_database_was_set_to(cluster: Cluster, name: str) -> None:
    cluster.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    cluster.run(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")

    assert await facts(
        cluster.url(name), "synchronous_commit", "transaction_isolation", "transaction_read_only", "application_name"
    ) == ["on", "read committed", "on", "soapstone"]


async def test_what_waits_for_a_standby_goes_on_to(cluster: Cluster, name: str) -> None:
    cluster.run(f"ALTER DATABASE {name} SET synchronous_commit = remote_apply")

    assert await facts(cluster.url(name), "synchronous_commit") == ["remote_apply"]


async def test_the_url_may_say_another_name_and_a_schema(cluster: Cluster, name: str) -> None:
    url = f"{cluster.url(name)}&application_name=ca-1&options=-csearch_path%3Dca"

    assert await facts(url, "application_name", "search_path") == ["ca-1", "ca"]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
async def test_a_database_that_cannot_hold_every_text_is_refused(cluster: Cluster, encoding: str) -> None:
    cluster.run(f"CREATE DATABASE narrow ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")

    said = await refusal_of(cluster.url("narrow"))

    cluster.drop("narrow")
    assert f"is in {encoding}; make one with ENCODING 'UTF8'" in said


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_loses_what_it_confirmed_is_refused(cluster: Cluster, name: str, setting: str) -> None:
    cluster.change(f"{setting} = off")

    said = await refusal_of(cluster.url(name))

    cluster.change(f"{setting} = on")
    assert "set fsync and full_page_writes to on" in said


async def test_an_empty_database_takes_no_lost_stores_place(cluster: Cluster, name: str) -> None:
    assert "holds no store; restore it" in await refusal_of(cluster.url(name), create=False)


async def test_a_new_home_takes_no_other_homes_store(cluster: Cluster, name: str) -> None:
    cluster.run("CREATE TABLE migrations (a BIGINT)", name)

    assert "holds a store already" in await refusal_of(cluster.url(name))


async def test_who_is_refused_keeps_no_connection(cluster: Cluster, name: str) -> None:
    await refusal_of(cluster.url(name), create=False)

    cluster.run(f"DROP DATABASE {name}")


async def test_who_copies_a_store_that_is_still_may_take_longer_over_it_than_a_session_may_idle(
    cluster: Cluster, name: str
) -> None:
    database = await opened(cluster.url(name))
    async with database.write() as tx:
        await tx.script("CREATE TABLE one (id BIGINT);")

    async with database.still() as tx:
        assert await tx.one("SHOW idle_in_transaction_session_timeout") == ("0",)

    await database.close()
