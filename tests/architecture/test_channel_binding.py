"""What a connection exports binds a request to it, and serves nothing else (RFC 9266, 4)."""

from __future__ import annotations

import ast

from tests.architecture.house import ROOMS, ROOT, syntax_trees

READS = {"channel_binding", "tls_exporter", "tls_unique"}


def test_what_a_connection_exports_is_read_for_channel_binding_only() -> None:
    readers = {
        path
        for path, tree in syntax_trees(ROOT, *ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in READS
    }

    assert readers == {"protocols/est/binding.py", "protocols/wire.py"}
