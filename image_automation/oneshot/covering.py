"""Which automation keeps which part of a checkout, with which policies.

An automation belongs to a checkout when its GitRepository is one of the clone's remotes, whatever transport either
names, or when there is nothing to tell by. Without any automation every policy's markers count: enough to try policies
out before there is one.
"""

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.git import url as urls
from gotk.runtime import conditions, errors
from gotk.runtime.reconciler import Reader
from image_automation import selection, surroundings
from image_automation.gating import freeze
from image_automation.gating.facts import Misread
from image_automation.pull_requests import settings
from image_automation.selection import Selection
from image_automation.update import texts, values
from image_automation.update.lines.kinds import Kind
from image_automation.update.texts import TextFiles
from image_automation.writing import refspec, tree

_SHORT_FORM = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?P<path>(?!//).*)")


@dataclass(frozen=True, slots=True)
class Cover:
    """A part of the checkout: everything below `path`, kept by an automation, or by nobody yet.

    `text_files` are those that the automation looks into besides YAML.
    """

    path: str
    namespace: str
    selected: Selection
    setters: Mapping[str, str]
    automation: ImageUpdateAutomation | None = None
    text_files: TextFiles = texts.NONE

    def covers(self, path: str) -> bool:
        """Tell whether a file is in it."""
        return self.path in {"", "."} or path == self.path or path.startswith(f"{self.path}/")

    def kind(self, path: str) -> Kind | None:
        """Return what kind of text a file in it is; None for one that is not opted in."""
        return self.text_files.kind(
            posixpath.basename(path) if path == self.path else path.removeprefix(f"{self.path}/")
        )


class Covering(NamedTuple):
    """The parts, and what is to be said of automations that keep none."""

    covers: list[Cover]
    notes: list[str]
    errors: list[str]


def of_checkout(objects: Reader, *, scope: str, remotes: Collection[str], named: Collection[str]) -> Covering:
    """Find the parts of a checkout. `named` (`namespace/name`) are the only automations to look at, if any."""
    found = Covering([], [], [])
    automations = objects.list(ImageUpdateAutomation)
    for automation in automations:
        name = name_of(automation)
        if named and name not in named:
            continue
        if automation.spec.suspend:
            found.notes.append(f"ImageUpdateAutomation {name} is suspended")
        elif not named and (other := _other_repository(objects, automation, remotes)):
            found.notes.append(
                f"ImageUpdateAutomation {name} keeps {other}, which is no remote of this clone: for a fork of it name"
                f" the automation with --automation {name}"
            )
        else:
            _add(found, objects, automation)
    found.errors.extend(
        f"there is no ImageUpdateAutomation {name} among the manifests"
        for name in sorted(set(named) - {name_of(automation) for automation in automations})
    )
    if not automations:
        found.notes.append("there is no ImageUpdateAutomation among the manifests: the markers of every policy count")
        for namespace in sorted({policy.metadata.namespace for policy in objects.list(ImagePolicy)}):
            found.covers.append(_cover(objects, scope, namespace, None))
    return found


def proposed(automation: ImageUpdateAutomation) -> Iterator[str]:
    """Say where changes become pull requests instead of commits on the branch. Raises Stalled."""
    if (asked := settings.read(automation)) is not None:
        each = "" if asked.per == "all" else f" per {asked.per}"
        yield f"ImageUpdateAutomation {name_of(automation)}: what changes would be proposed as a pull request{each}"


def frozen(automation: ImageUpdateAutomation, selected: Selection, now: datetime) -> Iterator[str]:
    """Say where an automation writes nothing at all, whether there is something to write or not."""
    try:
        found = freeze.whole(automation.metadata.annotations, selected.around, now)
    except Misread:
        return  # which its gates say
    if found is not None:
        yield f"ImageUpdateAutomation {name_of(automation)} is {found.sentence}"


def steered(selected: Selection) -> Iterator[str]:
    """Pass on what policies say whose choice somebody steers: by a pin, or by a minimum age."""
    for name, policy in selected.policies.items():
        ready = next((each.message for each in policy.status.conditions if each.type == conditions.READY), "")
        if ready and not {extensions.PIN, extensions.MINIMUM_AGE}.isdisjoint(policy.metadata.annotations):
            yield git.printable(f"ImagePolicy {policy.metadata.namespace}/{name}: {ready}")


def name_of(automation: ImageUpdateAutomation) -> str:
    """Return an automation's namespace and name."""
    return f"{automation.metadata.namespace}/{automation.metadata.name}"


def roots(covers: Iterable[Cover]) -> list[str]:
    """Return the folders to walk so that each file is seen once."""
    paths = sorted({"" if cover.path == "." else cover.path for cover in covers})
    return [path for path in paths if not any(_is_below(path, other) for other in paths if other != path)]


def same_repository(one: str, other: str) -> bool:
    """Tell whether two addresses are of one repository, over whatever transport and as whoever."""
    return _location(one) == _location(other)


def _add(found: Covering, objects: Reader, automation: ImageUpdateAutomation) -> None:
    try:
        push = automation.spec.git.push if automation.spec.git else None
        refspec.read(push.refspec if push else "")
        path = tree.below(automation.spec.update.path)
        found.notes.extend(proposed(automation))
        found.covers.append(_cover(objects, path, automation.metadata.namespace, automation))
    except (errors.ReconcileError, values.InvalidReference) as error:
        found.errors.append(f"ImageUpdateAutomation {name_of(automation)}: {error}")


def _cover(objects: Reader, path: str, namespace: str, automation: ImageUpdateAutomation | None) -> Cover:
    policies: Sequence[ImagePolicy] = objects.list(ImagePolicy, namespace)
    selected = selection.select(policies, automation.spec.policy_selector if automation else None)
    text_files = selection.text_files(automation) if automation else texts.NONE
    setters = values.setters({(namespace, name): ref for name, ref in selected.images.items()})
    selected = replace(selected, around=surroundings.declared(objects, namespace))
    return Cover(path, namespace, selected, setters, automation, text_files)


def _other_repository(objects: Reader, automation: ImageUpdateAutomation, remotes: Collection[str]) -> str:
    """Return the address that an automation keeps where that is not this clone's."""
    reference = automation.spec.source_ref
    found = objects.get(GitRepository, reference.namespace or automation.metadata.namespace, reference.name)
    if found is None or not remotes or any(same_repository(found.spec.url, remote) for remote in remotes):
        return ""
    return urls.redact(found.spec.url)


def _location(url: str) -> tuple[str, str]:
    match = _SHORT_FORM.fullmatch(url) if "://" not in url else None
    if match is not None:
        host, path = match["host"], match["path"]
    else:
        parts = urlsplit(url)
        host, path = parts.hostname or "", unquote(parts.path)
    return host.lower(), path.strip("/").removesuffix(".git").lower()


def _is_below(path: str, other: str) -> bool:
    return other == "" or path.startswith(f"{other}/")
