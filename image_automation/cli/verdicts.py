"""How the record of a choice is printed: a table for people, JSON and YAML for programs."""

from typing import TYPE_CHECKING

from image_automation.cli import output

if TYPE_CHECKING:
    from image_automation.explanation import Explanation

FORMS = ("table", "json", "yaml")


def show(found: "Explanation", form: str) -> int:
    """Print the record. Returns the exit code: 1 where no tag was chosen."""
    if form == "table":
        _table(found)
        return 0 if found.chosen else 1
    import msgspec  # noqa: PLC0415 - slow to load, and a table needs it not
    import yaml  # noqa: PLC0415 - as above

    if form == "json":
        output.text(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        plain = msgspec.to_builtins(found)
        output.text(yaml.dump(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True).rstrip("\n"))
    return 0 if found.chosen else 1


def _table(found: "Explanation") -> None:
    if found.held:
        output.warning("the registry's last tag list is doubtful: tags that it lacked are kept for now")
    if found.pinned:
        output.text(_safe(found.pinned))
    keyed = any(tag.key for tag in found.tags)
    header = ["TAG", *(["COMPARED"] if keyed else []), "VERDICT", "REASON", "MESSAGE"]
    rows = [
        [_safe(tag.tag), *([_safe(tag.key)] if keyed else []), tag.verdict, tag.reason, _safe(tag.message)]
        for tag in found.tags
    ]
    output.table(header, rows)
    if not found.chosen:
        output.failure(f"no tag is chosen: {_safe(found.message)}")


def _safe(text: str) -> str:
    """Escape what a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
