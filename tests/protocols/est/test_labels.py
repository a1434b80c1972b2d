"""RFC 7030, 3.2.2: what a label of a path stands for, and what holds without one."""

from __future__ import annotations

import pytest

from protocols.est.errors import UnknownLabel
from protocols.est.labels import PLAIN, Label, Labels
from protocols.est.messages import Wire

DEVICE = Label(wire=Wire.RFC)
LABELS = Labels({"device": DEVICE, "signing": Label()})


def test_a_label_is_what_is_set_for_it_and_no_label_is_plain() -> None:
    assert LABELS.named("device") is DEVICE
    assert LABELS.named(None) is PLAIN


def test_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownLabel):
        LABELS.named("own-tls")


def test_without_a_label_the_first_profile_that_est_offers_holds() -> None:
    assert LABELS.name_for(None, ("acme-only", "signing", "device")) == "signing"
    assert LABELS.name_for("device", ("signing",)) == "device"
    assert LABELS.name_for(None, ("acme-only",)) is None
