"""The message of a commit: Flux's default with what changed below it, or the user's Go template over the same.

Answers to `spec.git.commit.messageTemplate`: the data model (`.AutomationObject`, `.Changed`, `.Values`), the fields
that were removed from it, and the error messages.
"""

import posixpath
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from gotk.api.image import CommitSpec, ImageRef
from gotk.gotemplate import render
from gotk.gotemplate.values import Struct, Value
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key
from image_automation.update.result import Change, FileResult, ObjectIdentifier
from image_automation.writing import provenance

DEFAULT = "Update from image update automation"

_DOCUMENTATION = "https://fluxcd.io/flux/components/image/imageupdateautomations/#message-template"
_REMOVED = {
    "Updated": f"template uses removed '.Updated' field. Please use '.Changed' instead. See: {_DOCUMENTATION}",
    "ImageResult": (
        "template uses removed '.Changed.ImageResult' field. Please use '.Changed.FileChanges' or '.Changed.Objects' "
        f"instead. See: {_DOCUMENTATION}"
    ),
}


def message(
    spec: CommitSpec,
    automation: Key,
    files: Iterable[FileResult],
    *,
    below: str = "",
    images: Mapping[str, ImageRef] | None = None,
) -> str:
    """Write the commit's message. Paths in a template are relative to `below`. Blocks. Raises Stalled and Retry.

    Without a template it is Flux's line and below it what changed; `images` are what the policies chose.
    """
    if not spec.message_template:
        return f"{DEFAULT}\n\n{provenance.text(automation, files, images or {})}"
    data_ = data(spec.message_template_values, automation, list(files), below)
    try:
        return clean(render.render(spec.message_template, data_, name="commit message"))
    except render.InvalidTemplate as error:
        raise _failed(f"unable to create commit message template from spec: {error}") from error
    except render.UnknownField as error:
        if error.field in _REMOVED:
            raise Stalled("RemovedTemplateField", _REMOVED[error.field]) from error
        raise _failed(f"failed to run template from spec: {error}") from error
    except render.TemplateError as error:
        raise _failed(f"failed to run template from spec: {error}") from error


def _failed(cause: str) -> Retry:
    return Retry("GitOperationFailed", f"failed to update source: {cause}")


def clean(text: str) -> str:
    """Drop control characters, which Git and terminals would stumble over."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def data(
    values: Mapping[str, str],
    automation: Key,
    files: Sequence[FileResult],
    below: str,
    more: tuple[tuple[str, Value], ...] = (),
) -> Struct:
    """Return what templates are made of: Flux's fields, and `more` beside them."""
    objects: dict[ObjectIdentifier, list[Change]] = {}
    for file in files:
        for change in file.changes:
            objects.setdefault(change.object, []).append(change)
    unique = dict.fromkeys((each.setter, each.old, each.new) for changes in objects.values() for each in changes)
    paths: Value = {_relative(file.path, below): _by_object(file) for file in files if file.changes}
    methods: tuple[tuple[str, Value], ...] = (
        ("Objects", {_identifier(each): [_change(change) for change in changes] for each, changes in objects.items()}),
        ("Changes", [_change(Change(setter, old, new, 0)) for setter, old, new in unique]),
    )
    given: dict[str | Struct, Value] = {}
    given.update(values)
    fields: tuple[tuple[str, Value], ...] = (
        ("AutomationObject", _name(automation)),
        ("Changed", Struct("update.Result", (("FileChanges", paths),), methods=methods)),
        ("Values", given),
    )
    return Struct("source.TemplateData", (*fields, *more))


def _relative(path: str, below: str) -> str:
    """Write a path relative to `update.path`, which may be the file itself."""
    if not below:
        return path
    return posixpath.basename(path) if path == below else posixpath.relpath(path, below)


def _by_object(file: FileResult) -> dict[str | Struct, Value]:
    found: dict[ObjectIdentifier, list[Change]] = {}
    for change in file.changes:
        found.setdefault(change.object, []).append(change)
    return {_identifier(each): [_change(change) for change in changes] for each, changes in found.items()}


def _name(automation: Key) -> Struct:
    fields = (("Namespace", automation.namespace), ("Name", automation.name))
    return Struct("types.NamespacedName", fields, text=str(automation))


def _change(change: Change) -> Struct:
    return Struct("update.Change", (("OldValue", change.old), ("NewValue", change.new), ("Setter", change.setter)))


def _identifier(each: ObjectIdentifier) -> Struct:
    fields = (("APIVersion", each.api_version), ("Kind", each.kind), ("Name", each.name), ("Namespace", each.namespace))
    text = "{{{%s %s} {%s %s}}}" % tuple(value for _, value in fields)  # noqa: UP031 - braces inside an f-string drown
    return Struct("update.ObjectIdentifier", fields, text=text)
