"""Watchtower: labels of services in compose files.

Answers to its `docs/container-selection.md` and `docs/arguments.md`: all containers are watched but those with
`enable=false`, or, where it was told to filter by label, those with `enable=true` alone. It pulls a tag again when that
has moved: a tag that moves is followed by its digest, a version goes to later ones.
"""

from collections.abc import Mapping, Sequence

from image_automation.proposing import guessing
from image_automation.proposing.files import Sighting
from image_automation.proposing.guessing import Guess
from image_automation.proposing.imported import Imported
from image_automation.proposing.importing import reading
from image_automation.proposing.nodes import Map, Node

_LABEL = "com.centurylinklabs.watchtower."
_CARRIED = {"enable", "monitor-only", "no-pull"}


def read(contents: Mapping[str, bytes], sightings: Sequence[Sighting]) -> Imported:
    """Read labels of services in compose files."""
    found = Imported()
    for document in reading.mappings(contents, "watchtower"):
        services = document.root.map("services").entries.items()
        known = {name: each for name, each in services if isinstance(each, Map)}
        filtering = _filters(list(known.values()))
        for name, service in known.items():
            if _is_watchtower(service):
                continue
            labels = _pairs(service.entries.get("labels"))
            own = {key.removeprefix(_LABEL): text for key, text in labels.items() if key.startswith(_LABEL)}
            enabled = own.get("enable", "false" if filtering else "true").lower() == "true"
            where = f"{document.path}: service {name}"
            places = [each for each in sightings if document.holds(each) and each.place.owner == f"service {name}"]
            if enabled:
                _service(found, where, own, places)
    if any(guess is None for guess in found.decided.values()):
        found.apart.append("Watchtower pulls the same tag again; the policies guessed from versions go to later ones")
    return found


def _service(found: Imported, where: str, own: Mapping[str, str], places: Sequence[Sighting]) -> None:
    for key in ("monitor-only", "no-pull"):
        if own.get(key, "false").lower() == "true":
            found.leave(where, f"{key}: it is not updated, and gets no policy")
            return
    for each in places:
        tag = each.place.tag or "latest"
        guess = None if isinstance(guessing.guess(tag), Guess) else guessing.moving(tag)
        reading.follow(found, where, each, guess)
    for key, text in own.items():
        if key not in _CARRIED:
            found.leave(where, f"{key}: {text} is not carried over")


def _filters(services: Sequence[Map]) -> bool:
    """Tell whether Watchtower was told to filter by label; where it is not among the services, that is supposed."""
    watchtowers = [each for each in services if _is_watchtower(each)]
    if not watchtowers:
        return True
    return any(
        _pairs(each.entries.get("environment")).get("WATCHTOWER_LABEL_ENABLE", "").lower() in {"true", "1"}
        or "--label-enable" in reading.shown(each.entries.get("command"))
        for each in watchtowers
    )


def _is_watchtower(service: Map) -> bool:
    return reading.split(service.text("image"))[0].endswith("/watchtower")


def _pairs(node: Node | None) -> dict[str, str]:
    """Read labels or an environment as compose has them: a mapping, or a list of `name=value`."""
    if isinstance(node, Map):
        return reading.texts(node)
    pairs = (text.partition("=") for text in reading.listed(node))
    return {key.strip().strip("\"'"): value.strip().strip("\"'") for key, _, value in pairs}
