"""What a marker names."""

import pytest

from image_automation.update import setter
from image_automation.update.setter import Setter


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("apps:web", Setter("apps", "web")),
        ("apps:web:tag", Setter("apps", "web", "tag")),
        ("apps", Setter("apps", "")),
        ("apps:web:tag:more", Setter("apps", "web", "tag")),
    ],
)
def test_a_setter_names_a_policy_and_a_part_of_its_choice(text: str, named: Setter):
    assert setter.parse(text) == named
    assert named.key == f"{named.namespace}:{named.policy}"
