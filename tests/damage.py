"""Sound text with a few pieces cut, doubled or replaced: what reaches the depth of a parser where noise does not."""

from hypothesis import strategies as st

PIECES = ("", '"', "\\", "<", ">", ",", ";", "=", " ", "\0", "\r\n", "\u202e", "é")


@st.composite
def damaged(draw: st.DrawFn, sound: st.SearchStrategy[str], pieces: tuple[str, ...] = PIECES) -> str:
    """Draw a sound text and damage it in up to three places."""
    text = draw(sound)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 8)))
        text = text[:start] + draw(st.sampled_from([*pieces, text[start:end] * 2])) + text[end:]
    return text
