"""Rendering a template that a user wrote: in a process of its own, with limits on time, memory and output.

Sprig's functions can ask for gigabytes (`repeat`, `until`) or minutes (key generation), so the limits are the
kernel's, and what happens in that process stays there. It starts in about 0.2 s, and only where a template is set.
"""

import subprocess

import msgspec

from gotk import process
from gotk.gotemplate import values

#: The most characters that a template may have, and that it may write.
SOURCE_LIMIT = 65_536
OUTPUT_LIMIT = 65_536
_SECONDS = 10


class TemplateError(Exception):
    """A template could not be rendered; the message says where and why."""


class InvalidTemplate(TemplateError):
    """The text is no template."""


class UnknownField(TemplateError):
    """The template asks for a field that its data does not have."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the rendering process is asked for."""

    name: str
    source: str
    data: msgspec.Raw
    output_limit: int
    seconds: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What it says: the text, or an error and its kind."""

    text: str = ""
    error: str = ""
    invalid: bool = False
    field: str = ""


def render(source: str, data: values.Value, *, name: str) -> str:
    """Render a template; `name` stands in its errors. Blocks. Raises TemplateError."""
    if len(source) > SOURCE_LIMIT:
        raise InvalidTemplate(f"template: {name}: it has {len(source)} characters, more than {SOURCE_LIMIT}")
    raw = msgspec.Raw(msgspec.json.encode(values.encode(data)))
    request = Request(name=name, source=source, data=raw, output_limit=OUTPUT_LIMIT, seconds=_SECONDS)
    answer = _ask(request)
    if not answer.error:
        return answer.text
    if answer.field:
        raise UnknownField(answer.error, answer.field)
    raise (InvalidTemplate if answer.invalid else TemplateError)(answer.error)


def _ask(request: Request) -> Answer:
    try:
        ended = subprocess.run(
            process.interpreter("gotk.gotemplate.worker"),
            input=msgspec.json.encode(request),
            capture_output=True,
            timeout=3 * _SECONDS,
            env=process.environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TemplateError(f"template: {request.name}: it took longer than {3 * _SECONDS}s") from None
    if ended.returncode < 0:
        raise TemplateError(f"template: {request.name}: it took more than {_SECONDS}s of processor time")
    if ended.returncode != 0:
        raise TemplateError(f"template: {request.name}: it broke the renderer (exit status {ended.returncode})")
    return msgspec.json.decode(ended.stdout, type=Answer)
