"""Pages as bytes: piece by piece they are the same as in one."""

from typing import Any

from image_automation.dashboard import rendering
from image_automation.dashboard.images import Image, Images
from image_automation.dashboard.states import State


def context(count: int) -> dict[str, Any]:
    """Return what a page of so many images is rendered with."""
    names = [f"app-{number}" for number in range(count)]
    states = [State(kind="ImagePolicy", namespace="team", name=name, standing="ready") for name in names]
    every = tuple(Image(namespace="team", policy=state.name, image="example.com/ü", state=state) for state in states)
    record = Images(images=every, total=count)
    return {**rendering.frame(None), "record": record, "title": "Images", "path": "/images", "digest": "d"}


async def test_a_long_page_is_sent_in_pieces_that_are_the_page() -> None:
    sent = [piece async for piece in rendering.pieces("images.html", context(200))]
    assert b'href="/static/dashboard.css' in sent[0]
    assert b'id="team/app-0"' in sent[0]
    assert b'id="team/app-199"' not in sent[0]
    assert b"".join(sent).decode() == rendering.render("images.html", context(200))


async def test_a_short_page_is_one_piece() -> None:
    assert len([piece async for piece in rendering.pieces("images.html", context(1))]) == 1
