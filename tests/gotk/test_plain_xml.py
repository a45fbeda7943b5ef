"""XML is read as protocols use it, and no entity is ever unfolded."""

import pytest

from gotk import plain_xml


def test_elements_have_names_without_their_namespaces() -> None:
    root = plain_xml.parse(b'<?xml version="1.0"?><a xmlns="urn:x"><b>c</b></a>')
    assert [(plain_xml.local_name(node), node.text) for node in root.iter()] == [("a", None), ("b", "c")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_declaration_is_refused_however_it_is_spelt(encoding: str) -> None:
    body = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode(encoding)
    with pytest.raises(ValueError, match=r"^not what the protocol documents$"):
        plain_xml.parse(body)


@pytest.mark.parametrize("encoding", ["none", "hex", "shift_jis", "utf-7"])
def test_an_encoding_that_cannot_be_read_is_no_xml(encoding: str) -> None:
    with pytest.raises(ValueError, match=r"^not XML$"):
        plain_xml.parse(f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode())
