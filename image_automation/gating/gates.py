"""Every gate, in order: what a person or a calendar forbids, and last what only goes together with something else."""

from image_automation.gating import freeze, windows
from image_automation.gating.chain import Gate
from image_automation.gating.facts import Facts


def gates(facts: Facts) -> list[Gate]:
    """Return the gates of an automation. Raises Misread where its own annotation says nothing we understand."""
    return [freeze.gate(facts), windows.gate(facts)]
