"""Changes and facts for tables of gates."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from gotk.api.image import ImagePolicy
from image_automation.gating.facts import Facts
from image_automation.update.result import Change
from tests.image_automation import automating

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def policy(name: str = "web", tag: str = "1.1", *, digest: str = "", **annotations: str) -> ImagePolicy:
    """Make a policy; annotations are given without our prefix, with `_` for `-`."""
    made = automating.policy(name, f"a/{name}", tag, digest=digest)
    ours = {f"image-automation.dev/{key.replace('_', '-')}": text for key, text in annotations.items()}
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=ours))


def facts(*policies: ImagePolicy, now: datetime = NOW, **automation: str) -> Facts:
    ours = {f"image-automation.dev/{key.replace('_', '-')}": text for key, text in automation.items()}
    return Facts(now=now, automation=ours, policies={f"apps:{each.metadata.name}": each for each in policies})


def changes(*names: str, **new: Any) -> list[tuple[str, Change]]:
    """Return a change for each policy named."""
    return [
        (f"{name}.yaml", Change(f"apps:{name}", f"a/{name}:1.0", f"a/{name}:{new.get(name, '1.1')}", 5))
        for name in names
    ]
