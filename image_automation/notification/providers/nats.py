"""NATS: the event as it is, to the subject `channel` of the servers at `address`."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from gotk.http.exchange import Exchange, Request, Unusable, as_json
from image_automation.notification.notice import Notice
from image_automation.notification.providers.account import Account

_PORT = 4222


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who we are to a server: a JWT and its key's seed, a seed, user and password, a token, or nobody."""

    jwt: str = field(default="", repr=False)
    seed: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown."""
        return tuple(filter(None, (self.jwt, self.seed, self.password, self.token)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server. `secure` asks for TLS whatever the server says."""

    host: str
    port: int
    secure: bool
    login: Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication(Request):
    """A message to the first of the servers that takes it."""

    servers: tuple[Server, ...]
    subject: str


def nats(notice: Notice, account: Account) -> Exchange:
    """Publish the event."""
    address = account.needs("address")
    yield Publication(
        url=address,
        servers=tuple(_server(each.strip(), account) for each in address.split(",")),
        subject=account.needs("channel"),
        body=as_json(notice.as_json()),
    )


def _server(text: str, account: Account) -> Server:
    try:
        parts = urlsplit(text if "://" in text else f"nats://{text}")
        port = parts.port or _PORT
    except ValueError:
        raise Unusable("the address is not the URL of a NATS server") from None
    if parts.scheme not in {"nats", "tls"} or not parts.hostname:
        raise Unusable("the address is not the nats or tls URL of a NATS server")
    return Server(host=parts.hostname, port=port, secure=parts.scheme == "tls", login=_login(parts, account))


def _login(parts: SplitResult, account: Account) -> Login:
    """Choose as Flux does: user credentials, a seed, what the URL says, user and password; then a token."""
    if creds := _text(account, "creds"):
        found = _decorated(creds)
        if len(found) < 2:
            raise Unusable("the secret's key 'creds' lacks the user's JWT or the seed of its key")
        return Login(jwt=found[0], seed=found[1])
    if seed := _text(account, "nkey"):
        return Login(seed=seed.strip())
    if parts.username:
        name = unquote(parts.username)
        return Login(token=name) if parts.password is None else Login(user=name, password=unquote(parts.password))
    if account.username and account.password:
        return Login(user=account.username, password=account.password)
    return Login(token=account.token)


def _decorated(creds: str) -> list[str]:
    """Return the lines of a file of user credentials that stand between a line of BEGIN and one of END."""
    lines = [line for line in map(str.strip, creds.splitlines()) if line]
    triples = zip(lines, lines[1:], lines[2:], strict=False)
    return [line for begin, line, end in triples if _is_rule(begin, "BEGIN ") and _is_rule(end, "END ")]


def _is_rule(line: str, word: str) -> bool:
    return line.startswith("---") and word in line


def _text(account: Account, key: str) -> str:
    try:
        return account.secret.get(key, b"").decode("ascii")
    except UnicodeDecodeError:
        raise Unusable(f"the secret's key '{key}' is not what NATS calls one") from None
