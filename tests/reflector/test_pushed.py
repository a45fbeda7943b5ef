"""What a webhook's word for pushed tags is worth."""

import pytest

from gotk.api import extensions
from reflector import pushed


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        pytest.param("1.0.1", ("1.0.1",), id="a new tag is asked for"),
        pytest.param("1.0.0", (), id="a known tag is left to the scan"),
        pytest.param("1.0.0,1.0.1,1.0.1", ("1.0.1",), id="each new tag once"),
        pytest.param("1.0.1,../x", (), id="nothing where one is no tag"),
        pytest.param(",".join(f"1.1.{n}" for n in range(21)), (), id="too many are left to the scan"),
        pytest.param("", (), id="nothing named"),
    ],
)
def test_tags_named_by_a_webhook(said: str, taken: tuple[str, ...]) -> None:
    assert pushed.fresh({extensions.PUSHED: said}, ["1.0.0"]) == taken
