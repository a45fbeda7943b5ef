"""XML of services, as the protocols use it: elements and text, and no declaration that could make a small answer large.

A document type's entities unfold without end, and whatever parser is at hand may expand them. What has none is found
by its bytes, before it is parsed; so is text in UTF-16, in which a declaration would have other bytes.
"""

from xml.etree import ElementTree as ET


def parse(body: bytes) -> ET.Element:
    """Return the root of an answer. Raises ValueError, whose message says what the answer is."""
    if b"<!" in body or b"\0" in body:
        raise ValueError("not what the protocol documents")
    try:
        return ET.fromstring(body)  # noqa: S314 - without declarations there are no entities to expand
    except (ET.ParseError, LookupError, ValueError):  # the latter two for encodings that Python does not know
        raise ValueError("not XML") from None


def local_name(node: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return node.tag.rpartition("}")[2]
