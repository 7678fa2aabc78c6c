"""NKeys are NATS's own: the server accepts what we sign, and knows no secret."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune_service_kit.nkeys import new_seed, public_key, sign


def test_a_key_has_the_form_that_nats_defines() -> None:
    # From the reference implementation's documentation: a user's seed and its public key.
    assert public_key("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY") == (
        "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
    )


@given(st.binary(min_size=32, max_size=32))
def test_a_seed_follows_from_its_bytes_and_never_shows_in_its_public_key(entropy: bytes) -> None:
    seed, public = new_seed(entropy), public_key(new_seed(entropy))
    assert seed == new_seed(entropy)
    assert (seed[:2], len(seed), public[0], len(public)) == ("SU", 58, "U", 56)
    assert seed[4:-4] not in public


def test_a_signature_is_64_bytes_without_padding() -> None:
    signature = sign(new_seed(), "nonce")
    assert b"=" not in signature
    assert len(base64.urlsafe_b64decode(signature + b"==")) == 64


@pytest.mark.parametrize("text", ["", "SU", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VA", "guess", "ü"])
def test_anything_else_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="seed of a NATS user") as refused:
        public_key(text)
    assert len(text) < 6 or text not in str(refused.value)
