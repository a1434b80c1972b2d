"""Outgoing probes: how the server looks at what a client published, and where it never looks.

A subscriber chooses where a probe goes, and so could aim it at what only this machine can reach. Therefore:

1. a name is resolved once, and every address is judged by `policy.objection`;
2. the address that was judged is the address that is dialled;
3. a redirect starts again at 1, with fewer schemes, ports and octets to choose from;
4. nothing that came back is ever shown, only what kind of thing it was.

`network` is the door; one file for each kind of challenge, `resolving` and `caa` ask name servers.
"""
