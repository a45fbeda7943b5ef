"""The process of one rendering: a request on standard input, an answer on standard output, then the end.

The template engine is gotpl. Templates see structs, maps and lists through it, never an attribute or method of a
Python object; the kernel bounds memory and processor time.
"""

import os
import resource
import sys
from typing import Any, Protocol

import gotpl
import msgspec
from gotpl.funcs import sprig

from gotk.gotemplate.render import Answer, Request

_MEMORY = 512 << 20


class _Format(Protocol):
    verb: str


class _UnknownField(gotpl.TemplateExecutionError):
    """A struct was asked for a field that it does not have."""

    def __init__(self, type_: str, field: str) -> None:
        super().__init__(f"can't evaluate field {field} in type {type_}")
        self.field = field


class _Struct:
    """A Go struct as gotpl sees it: fields by its lookup hook, text by its format hook, sorted by its repr."""

    __slots__ = ("_fields", "_key", "_text", "_type")

    def __init__(self, type_: str, fields: list[tuple[str, Any]], text: str | None) -> None:
        self._type = type_
        self._fields = dict(fields)
        self._key = "\0".join(str(value) for _, value in fields)
        self._text = "{" + " ".join(str(value) for _, value in fields) + "}" if text is None else text

    def __gotemplate_lookup__(self, field: str) -> Any:
        if field not in self._fields:
            raise _UnknownField(self._type, field)
        return self._fields[field]

    def __go_format__(self, spec: _Format) -> str:
        if spec.verb == "T":
            return self._type
        return msgspec.json.encode(self._text).decode() if spec.verb == "q" else self._text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Struct) and (self._type, self._key) == (other._type, other._key)

    def __hash__(self) -> int:
        return hash((self._type, self._key))


def main() -> None:
    """Render what standard input asks for; a crash is told by the exit status."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (request.seconds, request.seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = sys.stdout.buffer
    output.write(msgspec.json.encode(answer(request)))
    output.flush()
    os._exit(0)  # nothing is left to tidy up, and memory may be short


def answer(request: Request) -> Answer:
    """Render, and turn what goes wrong into words."""
    functions = sprig.hermetic_text_func_map()
    budget = gotpl.ExecutionBudget(
        max_output_chars=request.output_limit, max_iterations=100_000, max_template_depth=100
    )
    policy = gotpl.SandboxPolicy(allow_functions=functions, allow_custom_lookup=True, default_budget=budget)
    where = f"template: {request.name}"
    try:
        template = gotpl.Template(request.source, name=request.name, functions=functions, sandbox=policy)
        return Answer(text=template.render(_decode(msgspec.json.decode(request.data))))
    except gotpl.TemplateSyntaxError as error:
        return Answer(error=str(error).replace("template:", f"{where}:", 1), invalid=True)
    except _UnknownField as error:
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
        return {_decode(key): _decode(each) for key, each in value["map"]}
    return _Struct(value["struct"], [(name, _decode(field)) for name, field in value["fields"]], value["text"])


if __name__ == "__main__":
    main()
