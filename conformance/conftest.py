"""A running server for each test that asks for one, and which tests have to stay together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from conformance import postgresql, stores
from conformance.house import House
from conformance.measuring import unmeasured

__all__ = ["unmeasured"]

_A_SERVER_EACH = frozenset(
    {
        "test_authority",
        "test_crl",
        "test_curl",
        "test_journal",
        "test_ocsp",
        "test_operator",
        "test_power_cut",
        "test_profiles",
        "test_revocation",
        "test_token",
    }
)
"""Files whose tests share nothing, so that the workers may divide them; the others would make their servers twice."""


def pytest_sessionfinish() -> None:
    """Leave no database running."""
    postgresql.end()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    """What `store.url` says in the house of a test: a test of SQLite's own files has them in every run."""
    return stores.IN_A_FILE if request.node.get_closest_marker("in_a_file") else stores.new()


@pytest.fixture
def house(tmp_path: Path, store: str) -> Iterator[House]:
    built = House(tmp_path, store=store)
    built.start()
    yield built
    built.close()


_MINUTES = (
    "conformance/crash/test_crash.py",
    "conformance/test_portal_for_everybody.py",
    "conformance/test_portal_by_keyboard.py",
    "conformance/test_officers_guide.py",
    "conformance/test_notices.py",
    "conformance/test_desk_for_everybody.py",
    "conformance/test_servers.py",
    "conformance/test_api_schema.py",
    "conformance/test_import.py",
    "conformance/clients/test_strongswan.py",
    "conformance/test_desk_walks.py",
    "conformance/test_portal_walk.py",
    "conformance/clients/test_certbot.py",
    "conformance/test_one_switch.py",
    "tests/ca_core/registration/test_uniform_answers.py",
    "conformance/clients/test_dehydrated.py",
    "tests/server/sheets/test_nothing_kept.py",
)
"""What takes half a minute and more in one piece, the longest first: begun at the end, the other workers would wait."""


def _later(scope: str) -> int:
    """The lower, the sooner a piece is begun; of the others, those with servers come first."""
    if scope in _MINUTES:
        return _MINUTES.index(scope)
    return len(_MINUTES) if scope.startswith(("conformance", "rfc8555", "hostile")) else len(_MINUTES) + 1


class Together(LoadScopeScheduling):
    """Divides the tests among workers, and keeps those of one server together."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_later), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        path = Path(file)
        if path.parts[0] != "conformance" or path.stem in _A_SERVER_EACH:
            return nodeid
        if path.parent.name == "rfc8555":
            return "rfc8555"
        return "hostile-acme" if path.stem.startswith("test_acme_") and path.parent.name == "hostile" else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    """What `pytest --numprocesses` asks for."""
    return Together(config, log)
