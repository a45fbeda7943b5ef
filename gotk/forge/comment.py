"""A comment that is kept: found again among others by a hidden marker and its author, and written anew in place."""

from collections.abc import Callable
from dataclasses import dataclass

from gotk.forge.status import Items


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment's text with the hidden marker (an HTML comment) that tells it from others of the same author."""

    marker: str
    text: str

    @property
    def body(self) -> str:
        """The text as the forge keeps it."""
        return f"{self.marker}\n\n{self.text}"

    def finder(self, author: str, path: tuple[str, str]) -> Callable[[Items], int | None]:
        """Make the search for the comment's id in a list; `path` leads to the author's name in each item."""

        def find(comments: Items) -> int | None:
            for each in comments:
                owner = each.get(path[0])
                written_by = owner.get(path[1]) if isinstance(owner, dict) else ""
                if self.marker in str(each.get("body", "")) and written_by == author:
                    found = each.get("id")
                    return found if isinstance(found, int) else None
            return None

        return find
