"""What a pull request says: its branch, title and description, by default or by the user's Go templates.

Versions and paths come out of registries and repositories: they stand in code spans, on one line, in which nothing is
markup, nothing is a link, and nobody is mentioned. The same proposal is always worded the same, so that a description
is written anew only when there is something new in it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gotk.api.image import ImageRef
from gotk.git import errors as git
from gotk.git import reference
from gotk.gotemplate import render
from gotk.gotemplate.values import Struct, Value
from gotk.runtime.reconciler import Key
from image_automation import bumps, report, report_status
from image_automation.bumps import Bump, FirstSeen
from image_automation.pull_requests.scoping import Scope
from image_automation.pull_requests.settings import Settings, invalid
from image_automation.update.proposal import Proposal
from image_automation.writing import commit_message

#: The kind of a change between versions that cannot be compared.
OTHER: Final = "other"
_TITLE: Final = 200
_ROWS, _PLACES, _HELD = 100, 5, 20
_BODY: Final = 60_000
_BREAKING = re.compile(r"[`|\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is to be worded: a scope's proposal, the images that its policies chose, and since when they are known.

    `below` is the folder that paths in templates are relative to, `base` the branch that it is proposed for.
    """

    automation: Key
    scope: Scope
    proposal: Proposal
    images: Mapping[str, ImageRef]
    base: str
    values: Mapping[str, str]
    below: str = ""
    first_seen: FirstSeen = lambda _, __: None

    @property
    def steps(self) -> tuple[Bump, ...]:
        """The steps from version to version."""
        changes = ((file.path, change) for file, change in self.proposal.changes)
        return bumps.steps(changes, self.first_seen)


def branch(settings: Settings, content: Content) -> str:
    """Name the branch. Blocks where there is a template. Raises Stalled."""
    if not settings.branch:
        return f"image-updates/{content.automation.namespace}/{content.automation.name}/{content.scope.name}"
    found = _rendered(settings.branch, "branch", content).strip()
    if not reference.is_branch(found):
        raise invalid(f"`branch` gives '{git.printable(found)}', which is no name of a branch")
    if found == content.base:
        raise invalid(f"`branch` gives '{found}', the branch that is proposed to: it must be another one")
    return found


def title(settings: Settings, content: Content) -> str:
    """Write the title, on one line. Blocks where there is a template. Raises Stalled."""
    found = _rendered(settings.title, "title", content) if settings.title else _title(content)
    return git.printable(found)[:_TITLE] or _title(content)


def body(settings: Settings, content: Content) -> str:
    """Write the description. Blocks where there is a template. Raises Stalled."""
    found = _rendered(settings.body, "body", content) if settings.body else "\n".join(_body(content))
    return found[:_BODY]


def _rendered(template: str, field: str, content: Content) -> str:
    steps: list[Value] = [_update(step, content.images) for step in content.steps]
    more = (("Scope", content.scope.name), ("Base", content.base), ("Updates", steps))
    files = content.proposal.files
    data = commit_message.data(content.values, content.automation, files, content.below, more)
    try:
        return commit_message.clean(render.render(template, data, name=field))
    except render.TemplateError as error:
        raise invalid(f"`{field}`: {error}") from error


def _update(step: Bump, images: Mapping[str, ImageRef]) -> Struct:
    policy = _policy(step)
    image = images.get(policy)
    fields = (
        ("Policy", policy),
        ("Image", image.name if image else ""),
        ("Old", step.old),
        ("New", step.new),
        ("Level", step.level or OTHER),
        ("Digest", image.digest if image else ""),
    )
    return Struct("pullrequest.Update", fields)


def _title(content: Content) -> str:
    steps = content.steps
    named = list(dict.fromkeys(f"{_policy(step)} to {step.new}" for step in steps))
    if len(steps) == 1:
        return f"Update {_policy(steps[0])} from {steps[0].old or 'nothing'} to {steps[0].new}"
    if len(named) <= 3:
        return f"Update {', '.join(named[:-1])}{' and ' if named[:-1] else ''}{named[-1]}"
    return f"Update {len(named)} images"


def _policy(step: Bump) -> str:
    return step.policy.rpartition("/")[2]


def _body(content: Content) -> Iterator[str]:
    steps = content.steps
    dated = any(step.first_seen for step in steps)
    header = ["Image", "From", "To", "Change", *(["First seen"] if dated else []), "Places"]
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for step in steps[:_ROWS]:
        seen = [step.first_seen or "unknown"] if dated else []
        image = content.images.get(_policy(step))
        cells = [
            _code(image.name if image else step.policy),
            _code(step.old),
            _code(step.new),
            step.level or OTHER,
            *seen,
            _places(step),
        ]
        yield f"| {' | '.join(cells)} |"
    if len(steps) > _ROWS:
        yield f"\nand {len(steps) - _ROWS} more."
    yield from _digests(content)
    yield from _held(content)
    yield f"\n{_foot(content)}"


def _digests(content: Content) -> Iterator[str]:
    policies = {_policy(step) for step in content.steps}
    known = [(name, ref) for name, ref in sorted(content.images.items()) if name in policies and ref.digest]
    if known:
        yield "\nDigests:\n"
        for _, ref in known[:_ROWS]:
            yield f"- {_code(f'{ref.name}:{ref.tag}')} is {_code(ref.digest)}"


def _held(content: Content) -> Iterator[str]:
    held = list(dict.fromkeys(report_status.held_line(report.held(hold)) for hold in content.proposal.holds))
    if held:
        yield "\nHeld back:\n"
        yield from (f"- {_code(line)}" for line in held[:_HELD])
    if len(held) > _HELD:
        yield f"- and {len(held) - _HELD} more"


def _foot(content: Content) -> str:
    automation = content.automation
    return (
        f"Kept by the ImageUpdateAutomation {_code(str(automation))}: it writes the branch anew when "
        f"{_code(content.base)} moves or a newer image is chosen, and leaves it alone once others commit to it. "
        "Closing this without merging refuses these versions, until newer ones are chosen or "
        f"{_code(f'image-automation unhold {automation.name} -n {automation.namespace}')}."
    )


def _places(step: Bump) -> str:
    shown = [_code(f"{place.path}:{place.line}") for place in step.places[:_PLACES]]
    more = len(step.places) - _PLACES
    return "<br>".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _code(text: str) -> str:
    """Show a stranger's text in a code span, on one line, without what would end the span or the cell."""
    return f"`{_BREAKING.sub('?', git.printable(text)) or ' '}`"
