"""The process of one rendering: a request on standard input, an answer on standard output, then the end.

The template engine is gotpl. Templates see structs, maps and lists through it, never an attribute or method of a
Python object; the kernel bounds memory and processor time, and from the first word of a template on there is no file
but the interpreter's own, no network and no other process.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

import gotpl
import msgspec

from gotk import process
from gotk.gotemplate import functions, structs
from gotk.gotemplate.render import Answer, Request
from gotk.sandbox.confinement import LIBRARIES, Confinement

_MEMORY = 512 << 20


def main() -> None:
    """Render what standard input asks for; a crash is told by the exit status."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    read = (*process.libraries(), *LIBRARIES)  # some functions load what they need when they are called
    Confinement(read=read, memory=_MEMORY, cpu_seconds=request.seconds).enclose()
    output = sys.stdout.buffer
    output.write(msgspec.json.encode(answer(request)))
    output.flush()
    os._exit(0)  # nothing is left to tidy up, and memory may be short


def answer(request: Request) -> Answer:
    """Render, and turn what goes wrong into words."""
    allowed = functions.functions()
    budget = gotpl.ExecutionBudget(
        max_output_chars=request.output_limit, max_iterations=100_000, max_template_depth=100
    )
    policy = gotpl.SandboxPolicy(
        allow_functions=allowed,
        allow_attributes=functions.VERSION_FIELDS,
        allow_methods=functions.VERSION_METHODS,
        allow_custom_lookup=True,
        default_budget=budget,
    )
    where = f"template: {request.name}"
    try:
        template = gotpl.Template(request.source, name=request.name, functions=allowed, sandbox=policy)
        return Answer(text=template.render(_decode(msgspec.json.decode(request.data))))
    except gotpl.TemplateSyntaxError as error:
        return Answer(error=str(error).replace("template:", f"{where}:", 1), invalid=True)
    except structs.UnknownField as error:
        return Answer(error=str(error), field=error.field)
    except gotpl.TemplateError as error:
        return Answer(error=str(error))
    except MemoryError:
        return Answer(error=f"{where}: it needs more than {_MEMORY >> 20} MiB of memory")
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        return Answer(error=f"{where}: {type(error).__name__}: {error}")


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "map" in value:
        return _typed({_decode(key): _decode(each) for key, each in value["map"]})
    fields, methods = ({name: _decode(each) for name, each in value[part]} for part in ("fields", "methods"))
    return structs.Struct(value["struct"], fields, value["text"], methods)


def _typed(found: dict[Any, Any]) -> Any:
    """Give a map the type that its values show, so that `index` answers the empty value for a key that is not there."""
    if all(isinstance(each, str) for each in found.values()):
        return gotpl.TypedMap(found, "", "string", "string")
    first = next(iter(found.values()))
    return gotpl.TypedMap(found, {} if isinstance(first, Mapping) else [])


if __name__ == "__main__":
    main()
