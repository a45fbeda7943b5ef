"""Which updaters are taken over from, by the word of the command line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from image_automation.proposing.files import Sighting
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import argocd, fleet, flux_v1, keel, reading, watchtower
from image_automation.proposing.importing.renovate import reader, settings


@dataclass(frozen=True, slots=True)
class Reader:
    """How an updater's settings are read, and which files besides manifests may hold them."""

    settings: Callable[[Mapping[str, bytes], Sequence[Sighting]], Imported]
    also: tuple[str, ...] = ()

    def read(self, contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
        """Read the settings, part with policies that could choose nothing, and grant wishes for tags left out."""
        found = self.settings(contents, sightings)
        reading.check(found)
        reading.grant(found)
        return found


READERS: Final[Mapping[str, Reader]] = {
    "argocd-image-updater": Reader(argocd.read),
    "fleet": Reader(fleet.read),
    "flux-v1": Reader(flux_v1.read),
    "keel": Reader(keel.read),
    "renovate": Reader(reader.read, settings.FILES),
    "watchtower": Reader(watchtower.read),
}
