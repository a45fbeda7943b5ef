"""The `WWW-Authenticate` header: what a registry wants to see before it answers. No input or output.

Answers to RFC 9110 (section 11.6.1: several challenges may share one header) and to the distribution project's token
authentication (`Bearer realm=...,service=...,scope=...`). The header comes from a stranger: it is bounded, and
what cannot be read is no challenge.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LIMIT = 8192
_SCOPE = "scope"
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?=[\s,]|$)(?!\s*=)", re.ASCII)
_PARAMETER = re.compile(rf'[\s,]*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))', re.ASCII)
# A bare token, as Negotiate sends one: padded, or up to a comma or the end.
_TOKEN68 = re.compile(r"\s+[A-Za-z0-9\-._~+/]+=*\s*(?=,|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: the scheme in lower case, and its parameters by lower-case name."""

    scheme: str
    parameters: Mapping[str, str]

    def without(self, parameter: str) -> "Challenge":
        """Return the challenge without one of its parameters."""
        return Challenge(self.scheme, {name: value for name, value in self.parameters.items() if name != parameter})


def parse(header: str) -> list[Challenge]:
    """Read every challenge of a header, in order, up to the first thing that is none."""
    challenges: list[Challenge] = []
    position, header = 0, header[:_LIMIT]
    while match := _SCHEME.match(header, position):
        position = match.end()
        parameters: dict[str, str] = {}
        if opaque := _TOKEN68.match(header, position):
            position = opaque.end()
        while found := _PARAMETER.match(header, position):
            value = found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
            name = found[1].lower()
            if name == _SCOPE and name in parameters:
                value = f"{parameters[name]} {value}"
            elif name in parameters:
                value = parameters[name]
            parameters[name] = value
            position = found.end()
        challenges.append(Challenge(match[1].lower(), parameters))
    return challenges


def strongest(headers: Iterable[str]) -> Challenge | None:
    """Choose the challenge to answer: Bearer with a realm before Basic; None where there is neither.

    A Bearer challenge wants what all those wanted that name the same server and service.
    """
    challenges = [challenge for header in headers for challenge in parse(header)]
    bearers = [c for c in challenges if c.scheme == "bearer" and c.parameters.get("realm")]
    if not bearers:
        return next((c for c in challenges if c.scheme == "basic"), None)
    first = bearers[0].without(_SCOPE)
    scopes = [c.parameters[_SCOPE] for c in bearers if c.without(_SCOPE) == first and _SCOPE in c.parameters]
    return Challenge(first.scheme, {**first.parameters, _SCOPE: " ".join(scopes)}) if scopes else first
