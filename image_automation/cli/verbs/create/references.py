"""References as flags spell them: `Kind/name`, `Kind/name.namespace`, `namespace/name`.

Answers to `flux2/internal/utils` and `flux2/internal/flags`.
"""

from collections.abc import Sequence

from image_automation.cli import output
from image_automation.cli.verbs.create.recipe import Spec, compact


def kind_and_name(text: str) -> tuple[str, str]:
    """Split `Kind/name`; the kind is empty where there is none."""
    kind, slash, name = text.partition("/")
    return (kind, name) if slash and "/" not in name else ("", text)


def kind_name_namespace(text: str) -> tuple[str, str, str]:
    """Split `Kind/name.namespace`; kind and namespace are empty where there is none."""
    kind, name = kind_and_name(text)
    front, dot, namespace = name.rpartition(".")
    return (kind, front, namespace) if dot else (kind, name, "")


def source(text: str, known: Sequence[str], *, what: str, default: str = "") -> Spec:
    """Read the value of `--source`: one of the known kinds, in any case; the default kind where none is named."""
    kind, name, namespace = kind_name_namespace(text)
    if not name:
        output.fail(f"no name given for source of kind '{kind}'")
    if not kind:
        if name in known:
            output.fail(f"no kind specified for source '{name}': write {name}/NAME")
        if not default:
            output.fail(f"invalid {what} '{text}', must be in format <kind>/<name>")
    found = next((each for each in known if each.lower() == (kind or default).lower()), None)
    if found is None:
        output.fail(f"source kind '{kind}' is not supported, must be one of: {', '.join(known)}")
    return compact(kind=found, name=name, namespace=namespace)


def dependencies(texts: Sequence[str]) -> list[Spec]:
    """Read the values of `--depends-on`: `name` or `namespace/name`."""
    found = []
    for text in texts:
        namespace, slash, name = text.partition("/")
        found.append({"namespace": namespace, "name": name} if slash else {"name": text})
    return found
