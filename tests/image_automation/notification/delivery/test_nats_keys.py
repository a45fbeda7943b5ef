"""Keys as NATS spells them, by the examples of its own tools."""

import pytest

from image_automation.notification.delivery import nats_keys

#: Made by `nk -gen user -pubout`, of NATS itself.
SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def test_a_seed_has_the_public_name_that_nats_gives_it() -> None:
    assert nats_keys.read(SEED).public == PUBLIC


def test_a_key_is_spelt_as_it_was_read() -> None:
    key = nats_keys.read(SEED)
    assert nats_keys.seed(20 << 3, key.private) == SEED
    assert SEED not in repr(key)


BAD = {
    "nothing": "",
    "a public name": PUBLIC,
    "one sign changed": SEED.replace("CSSL", "CSSM"),
    "cut": SEED[:-4],
    "no base32": "S!",
    "too short": "SUAA",
    "not ASCII": "SÜ",
}


@pytest.mark.parametrize("seed", BAD.values(), ids=BAD)
def test_what_is_no_seed_is_refused_without_showing_it(seed: str) -> None:
    with pytest.raises(nats_keys.SeedError, match=r"^it is no seed of NATS$"):
        nats_keys.read(seed)
