"""RFC 8555, 7.1 and 7.2: the directory and nonces."""

from __future__ import annotations

from conformance.acme import Client

_RESOURCES = {"newNonce", "newAccount", "newOrder", "newAuthz", "revokeCert", "keyChange", "renewalInfo"}
_META = {
    "termsOfService": str,
    "website": str,
    "caaIdentities": list,
    "externalAccountRequired": bool,
    "profiles": dict,
    "subdomainAuthAllowed": bool,
}


def test_the_directory_leads_to_all_and_only_to_what_works(client: Client) -> None:
    urls = {name: url for name, url in client.directory.items() if name != "meta"}

    assert {"newNonce", "newAccount", "newOrder", "revokeCert"} <= urls.keys() <= _RESOURCES
    for name, url in urls.items():
        assert url.startswith(client.base), name
        if name == "newNonce":
            assert client.raw("HEAD", url).status == 200
        elif name == "renewalInfo":
            assert client.get(f"{url}/nothing.here").problem == "malformed"
        else:
            # What is no resource is 404, whatever it is sent.
            assert client.raw("POST", url, b"{}", {"Content-Type": "application/jose+json"}).status == 400, name


def test_meta_is_an_object_of_the_registered_kinds(client: Client) -> None:
    meta = client.directory["meta"]

    assert {name: type(value) for name, value in meta.items()} == {name: _META[name] for name in meta}


def test_new_nonce_answers_head_and_get(client: Client) -> None:
    url = client.directory["newNonce"]

    head, get = client.raw("HEAD", url), client.get(url)

    assert (head.status, get.status, head.body, get.body) == (200, 204, b"", b"")
    assert {head.headers["Cache-Control"], get.headers["Cache-Control"]} == {"no-store"}
    nonces = [head.headers["Replay-Nonce"], get.headers["Replay-Nonce"]]
    assert [client.post(str(client.account), header={"nonce": nonce}).status for nonce in nonces] == [200, 200]
