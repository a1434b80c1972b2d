"""The `acme` library in a process of its own: what its script answers, and what it is refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Self

from conformance.house import House, client

_SCRIPT = Path(__file__).with_name("acme_library.py")
_PREFIX = "urn:ietf:params:acme:error:"


class Refused(Exception):
    """The server's problem document, as the library read it."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem))
        self.type = str(problem.get("type", "")).removeprefix(_PREFIX)
        self.detail = str(problem.get("detail", ""))


class Library:
    """Any number of sessions of the library, each with an account key of its own."""

    def __init__(self, house: House) -> None:
        python = client("certbot").with_name("python")
        self._process = subprocess.Popen(
            [python, "-I", _SCRIPT, house.directory, house.trust],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def session(self, name: str) -> Session:
        """One account key and its order."""
        return Session(self, name)

    def step(self, name: str, do: str, arguments: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"as": name, "do": do, "with": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the library's script ended at {do}"
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["done"]


class Session:
    """One account key of the library; a call is a method of its script's `Session`."""

    def __init__(self, library: Library, name: str) -> None:
        self._library = library
        self._name = name

    def __call__(self, do: str, **arguments: Any) -> Any:
        return self._library.step(self._name, do, arguments)
