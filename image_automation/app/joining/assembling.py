"""What makes the objects of Kustomizations, for their runs and for a look at what others have changed."""

from pathlib import Path
from typing import Final

from deploy.kustomize.building.assembly import Assembler
from deploy.kustomize.building.build import Builder
from deploy.source.fetch import Trees
from image_automation.app import builds
from image_automation.app.parts import Parts

_TREES: Final = 8  # unpacked artifacts that stay for the next build


def assembler(parts: Parts, scratch: Path, builder: Builder) -> Assembler:
    """Return what makes objects of sources, with a folder for trees and the program that builds them."""
    return Assembler(
        trees=Trees(downloads=parts.downloads, limiter=parts.work, scratch=scratch, capacity=_TREES),
        builder=builder,
        client=parts.objects,
        keyring=builds.keyring(
            parts.settings, scratch, objects=parts.objects, opens=parts.key_services, work=parts.work
        ),
        limiter=parts.work,
        strict=parts.settings.strict_substitutions,
    )
