"""What servers say of their references, in both protocols, whole, in pieces and damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.git.transport.looking import listing
from gotk.git.transport.operation import References

A, B = "a" * 40, "b" * 40
MAIN = "refs/heads/main"


def lines(*texts: str | None) -> bytes:
    """Write pkt-lines; None is a flush."""
    return b"".join(b"0000" if text is None else b"%04x%b" % (len(text) + 4, text.encode()) for text in texts)


OLD = lines(f"{A} HEAD\0multi_ack symref=HEAD:{MAIN} agent=git/2\n", f"{A} {MAIN}\n", f"{B} refs/tags/1\n",
            f"{A} refs/tags/1^{{}}\n", None)  # fmt: skip
OFFER = lines("version 2\n", "agent=git/2\n", "ls-refs=unborn\n", "fetch=shallow\n", None)
ANSWER = lines(f"{A} HEAD symref-target:{MAIN}\n", f"{A} {MAIN}\n", f"{B} refs/tags/1 peeled:{A}\n", None)
BOTH = References(commits={"HEAD": A, MAIN: A, "refs/tags/1": A}, head=MAIN, tags={"refs/tags/1": B})


def test_either_protocol_leads_to_the_same_references() -> None:
    assert listing.advertised(OLD) == listing.answered(ANSWER) == BOTH


def test_a_request_asks_for_what_begins_with_a_prefix() -> None:
    assert listing.request(MAIN) == lines("command=ls-refs\n") + b"0001" + lines(
        "peel\n", "symrefs\n", f"ref-prefix {MAIN}\n", None
    )
    assert b"ref-prefix" not in listing.request("")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(lines("# service=git-upload-pack\n", None), id="named"),
        pytest.param(b"", id="unnamed"),
    ],
)
def test_an_offer_of_protocol_2_may_come_without_the_service_s_name(before: bytes) -> None:
    assert listing.speaks_v2(listing.served(before + OFFER))


def test_an_advertisement_of_the_older_protocol_has_to_name_the_service() -> None:
    assert listing.served(lines("# service=git-upload-pack\n", None) + OLD) == OLD
    for body in (OLD, lines("# service=git-receive-pack\n", None) + OLD, lines("# service=git-upload-pack\n") + OLD):
        with pytest.raises(listing.Malformed):
            listing.served(body)


def test_a_repository_without_a_commit_has_no_references() -> None:
    assert listing.advertised(lines(f"{'0' * 40} capabilities^{{}}\0agent=git/2\n", None)) == References(commits={})
    assert listing.answered(lines(f"unborn HEAD symref-target:{MAIN}\n", None)) == References(commits={})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(OLD[:-4], id="no end"),
        pytest.param(b"zz" + OLD, id="no length"),
        pytest.param(b"-00c" + OLD, id="a length that leads back"),
        pytest.param(b"+00c" + OLD, id="a length with a sign"),
        pytest.param(b"0001" + OLD, id="a separator"),
        pytest.param(b"0004" + OLD, id="a line of nothing"),
        pytest.param(lines("ERR no such repository", None), id="an error"),
        pytest.param(lines(f"{A[1:]} {MAIN}\n", None), id="a short id"),
        pytest.param(lines(f"{A}{MAIN}\n", None), id="no name"),
        pytest.param(lines(f"{A} {MAIN} peeled:zz\n", None), id="a tag of nothing"),
        pytest.param(lines(f"{A} {MAIN}\n")[:-3], id="a line without its end"),
        pytest.param(b"0033" + A.encode() + b" \xff\xff\xff\xff\xff\n0000", id="no text"),
    ],
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(listing.Malformed):
        listing.answered(data)


@given(
    st.binary() | st.lists(st.sampled_from([OLD[:60], ANSWER[:60], b"0000", b"-0ff", b"0001", b"0033"])).map(b"".join)
)
def test_whatever_comes_is_a_list_or_refused(data: bytes) -> None:
    for read in (listing.advertised, listing.answered, listing.served, listing.Conversation(MAIN).heard):
        try:
            read(data)
        except listing.Malformed:
            continue


@given(st.integers(1, 80), st.booleans())
def test_a_conversation_is_the_same_in_whatever_pieces_it_comes(size: int, new: bool) -> None:
    conversation, said = listing.Conversation(MAIN), b""
    for part in (OFFER, ANSWER) if new else (OLD,):
        for start in range(0, len(part), size):
            said += conversation.heard(part[start : start + size])
    assert conversation.references == BOTH
    assert said == (listing.request(MAIN) if new else b"") + listing.FLUSH


def test_nothing_more_is_said_once_everything_has_come() -> None:
    conversation = listing.Conversation(MAIN)
    assert conversation.heard(OLD) == listing.FLUSH
    assert conversation.heard(OLD) == b""


def test_a_conversation_without_end_is_left() -> None:
    conversation, line = listing.Conversation(MAIN), lines(f"{A} {MAIN}\n")
    conversation.heard(line * (listing.LONGEST // len(line)))
    with pytest.raises(listing.Malformed):
        conversation.heard(line)
