"""One tree of refusals, one TABLE for each protocol: no leaf without an answer, no answer without a leaf."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

import pytest

from ca_core.errors import Refusal
from tests.architecture.house import ROOMS

TABLES = {
    "protocols.acme.problems": ("ca_core", "protocols.acme"),
    "protocols.est.refusals": ("ca_core", "protocols.cmc", "protocols.cms", "protocols.est"),
    "server.answers": ("ca_core",),
}
"""The module that holds a TABLE, and the packages whose refusals can reach it."""


@pytest.mark.parametrize("module", TABLES)
def test_every_refusal_has_an_answer(module: str) -> None:
    unanswered = reachable_leaves(module) - set(table(module))

    assert names(unanswered) == []


@pytest.mark.parametrize("module", TABLES)
def test_every_answer_belongs_to_an_exact_refusal(module: str) -> None:
    # An answer for a branch would be found by nobody: the tables are asked for exact classes.
    stray = set(table(module)) - reachable_leaves(module)

    assert names(stray) == []


@pytest.mark.parametrize("package", ["ca_core", "protocols.acme", "protocols.cmc", "protocols.cms", "protocols.est"])
def test_every_refusal_says_in_a_sentence_what_it_is(package: str) -> None:
    undocumented = {leaf for leaf in leaves(package) if not leaf.__doc__}

    assert names(undocumented) == []


def table(module: str) -> Mapping[type[Refusal], object]:
    rows: Mapping[type[Refusal], object] = importlib.import_module(module).TABLE
    return rows


def reachable_leaves(module: str) -> set[type[Refusal]]:
    return {leaf for package in TABLES[module] for leaf in leaves(package)}


def leaves(package: str) -> set[type[Refusal]]:
    """The refusals that a package defines and does not divide further itself.

    A refusal of the core stays a leaf when a protocol derives a narrower one from it: the core raises it.
    """
    import_everything_in(package)
    own = {refusal for refusal in descendants(Refusal) if belongs_to(refusal, package)}
    return {refusal for refusal in own if not any(other is not refusal and issubclass(other, refusal) for other in own)}


def belongs_to(refusal: type[Refusal], package: str) -> bool:
    return f"{refusal.__module__}.".startswith(f"{package}.")


def descendants(refusal: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in refusal.__subclasses__():
        yield child
        yield from descendants(child)


def import_everything_in(package: str) -> None:
    """A class is known only once its module is loaded; a driver that is not installed here is no matter."""
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if str(error.name).split(".")[0] in ROOMS:
                raise


def names(refusals: set[type[Refusal]]) -> list[str]:
    return sorted(f"{refusal.__module__}.{refusal.__qualname__}" for refusal in refusals)
