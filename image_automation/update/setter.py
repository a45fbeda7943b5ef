"""The text of a marker taken apart: `namespace:policy`, alone or with the part of the image that is meant."""

from typing import NamedTuple


class Setter(NamedTuple):
    """What a marker names; `part` is empty where the whole image is meant."""

    namespace: str
    policy: str
    part: str = ""

    @property
    def key(self) -> str:
        """The policy with its namespace, as setters write it."""
        return f"{self.namespace}:{self.policy}"


def parse(text: str) -> Setter:
    """Take a setter apart; of one that is malformed what is missing is empty."""
    namespace, policy, part, *_ = [*text.split(":"), "", ""]
    return Setter(namespace, policy, part)
