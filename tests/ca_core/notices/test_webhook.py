"""What a webhook sends, and its signature after the Standard Webhooks scheme."""

from __future__ import annotations

import json

import pytest

from ca_core.errors import Misconfigured
from ca_core.notices import webhook
from ca_core.notices.notice import Notice, Told, Topic
from ca_core.secret import Secret

SECRET = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_the_signature_is_that_of_the_scheme() -> None:
    """The example that the scheme's own libraries test with."""
    body = b'{"test": 2432232314}'

    headers = webhook.headers(webhook.key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", body, now=1_614_265_330)

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("text", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_Mf!!", "whsec_c2hvcnQ="])
def test_a_secret_that_is_none_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(Misconfigured, match="openssl rand"):
        webhook.key_of(Secret(text))


def test_the_body_says_what_happened_to_what_of_whom() -> None:
    told = Told("ab", "device", ("dns:a.example",), 1_900_000_000, 1_800_000_000)
    one = Notice(
        topic=Topic.RENEWED, key="k", registration_id="r", at=1_700_000_000, certificates=(told,), replaces="cd"
    )

    assert json.loads(webhook.body(one, account="acc", realm="main")) == {
        "type": "renewed",
        "timestamp": "2023-11-14T22:13:20Z",
        "data": {
            "account": "acc",
            "realm": "main",
            "certificate": {
                "serial": "ab",
                "profile": "device",
                "names": ["dns:a.example"],
                "not_after": "2030-03-17T17:46:40Z",
                "renewal_opens": "2027-01-15T08:00:00Z",
            },
            "replaces": "cd",
        },
    }


def test_what_is_about_no_certificate_names_none() -> None:
    one = Notice(topic=Topic.WAITING, key="k", registration_id="r", at=0, number=7)

    assert json.loads(webhook.body(one, account="acc", realm="main"))["data"] == {
        "account": "acc",
        "realm": "main",
        "request": 7,
    }


def test_a_request_about_nobody_yet_has_no_account() -> None:
    one = Notice(topic=Topic.WAITING, key="k", registration_id="", at=0, number=7, realm="north")

    assert json.loads(webhook.body(one, account=None, realm=one.realm))["data"] == {
        "account": None,
        "realm": "north",
        "request": 7,
    }
