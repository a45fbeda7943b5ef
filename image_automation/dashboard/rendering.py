"""From a record to bytes: HTML for people, by templates that escape whatever they are given, and JSON for programs."""

import asyncio
import functools
import hashlib
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any, Final

import jinja2
import msgspec

from image_automation.dashboard import links
from image_automation.dashboard.acting.catalog import ACTS
from image_automation.dashboard.page import Page, Record
from image_automation.dashboard.sessions import Session

#: What the navigation shows: address, word, and the key that goes there after `g`.
MENU: Final = (
    ("/", "Now", "n"),
    ("/images", "Images", "i"),
    ("/changes", "Changes", "c"),
    ("/holds", "Holds", "h"),
    ("/approvals", "Approvals", "a"),
    ("/rollouts", "Rollouts", "r"),
    ("/plan", "Plan", "p"),
    ("/files", "Files", "f"),
    ("/registries", "Registries", "s"),
    ("/notifications", "Notifications", "o"),
    ("/events", "Events", "e"),
    ("/access", "Access", "x"),
)
#: How many rows of tables are kept as they were rendered.
_ROWS: Final = 8192
#: How many characters of a page are sent at once: about a screen of rows.
_PIECE: Final = 16 << 10
#: What browsers need to be told of the files that pages refer to.
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def prefers_json(accept: str) -> bool:
    """Tell whether who asks wants the record: programs name JSON, browsers always name HTML too."""
    return "application/json" in accept and "text/html" not in accept


@functools.cache
def assets() -> dict[str, tuple[bytes, str, str]]:
    """Return the files that pages refer to: content, media type, and a digest that changes with the content."""
    found = {}
    for file in (resources.files(__package__) / "static").iterdir():
        if (media := _TYPES.get("." + file.name.rpartition(".")[2])) is not None:
            content = file.read_bytes()
            found[file.name] = (content, media, hashlib.sha256(content).hexdigest()[:12])
    return found


def asset(name: str) -> str:
    """Return the address of a file, another one for each content, so that browsers may keep it."""
    return f"/static/{name}?v={assets()[name][2]}"


def moment(text: str) -> str:
    """Word a time of the API for who has no JavaScript to tell how long ago that is."""
    return text[:19].replace("T", " ") + " UTC" if text.endswith("Z") else text


def span(seconds: float) -> str:
    """Word how long something took, as shortly as it can be told apart."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.0f} h"


@functools.cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(resources.files(__package__) / "templates")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(asset=asset, links=links, all_acts=ACTS, row=row)
    made.filters.update(moment=moment, span=span)
    return made


def render(template: str, context: dict[str, Any], *, fragment: bool = False) -> str:
    """Render a page, or as a fragment what stands in its `<main>` alone."""
    layout = "fragment.html" if fragment else "layout.html"
    return _environment().get_template(template).render(layout=layout, **context)


async def pieces(template: str, context: dict[str, Any]) -> AsyncIterator[bytes]:
    """Render a page piece by piece: its top is on the screen while the rest is made, and others have their turn."""
    parts, size = list[str](), 0
    for part in _environment().get_template(template).generate(layout="layout.html", **context):
        parts.append(part)
        size += len(part)
        if size >= _PIECE:
            yield "".join(parts).encode()
            await asyncio.sleep(0)
            parts, size = [], 0
    yield "".join(parts).encode()


@functools.lru_cache(maxsize=_ROWS)
def row(template: str, record: Record) -> str:
    """Render a row of a long table, which is the same for everybody; one that has not changed is not rendered again.

    `template` holds a macro `row`: calling it costs a quarter of what rendering a template costs.
    """
    return str(_macros(template).row(record))


@functools.cache
def _macros(template: str) -> Any:
    return _environment().get_template(template).module


def refusal(status: int, message: str, *, fragment: bool = False) -> str:
    """Render why something is not shown."""
    context = {**frame(None), "title": "Not shown", "path": "/", "status": status, "message": message}
    return render("refused.html", context, fragment=fragment)


def frame(session: Session | None) -> dict[str, Any]:
    """Return what stands around every page: the navigation, who is signed in, and the secret of their forms."""
    me = {"me": session.person.name, "csrf": session.csrf} if session is not None else {"me": "", "csrf": ""}
    return {"menu": MENU, "digest": "", "notes": (), **me}


def encode(record: Record) -> bytes:
    """Return a record as JSON."""
    return msgspec.json.encode(record)


def digest(page: Page, record: Record) -> str:
    """Name what a page shows: the same record has the same name, whoever asks and whenever."""
    return hashlib.sha256(page.path.encode() + encode(record)).hexdigest()[:16]


def message(text: str) -> bytes:
    """Return a refusal as JSON."""
    return msgspec.json.encode({"message": text})
