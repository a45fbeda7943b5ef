"""Where an event goes to and as whom: Provider and Secret together, as a provider's conversation takes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gotk.http.exchange import Exchange, Unusable
from image_automation.notification.alerts.trace_parents import Lineage
from image_automation.notification.notice import Notice


class Unfit(Unusable):
    """The event lacks what the service needs, and no Provider would change that."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The Alert that an event goes out for."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where to and as whom: the Provider's spec joined with its Secret. `now` is for tokens that expire.

    `access_token` is what an identity was given, where the Secret holds no token, and `login` who that is; `event_hubs`
    is where those of Azure's cloud are.
    """

    type: str
    uid: str
    now: datetime
    alert: Origin
    address: str = field(default="", repr=False)
    channel: str = ""
    username: str = ""
    token: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    secret_name: str = ""
    commit_status: str = ""
    lineage: Lineage | None = None
    access_token: str = field(default="", repr=False)
    login: str = ""
    event_hubs: str = "servicebus.windows.net"

    def needs(self, name: str) -> str:
        """Return a field that the service cannot do without. Raises Unusable."""
        value: str = getattr(self, name)
        if not value:
            where = f"spec.{name}" if name in {"address", "channel", "username"} else f"the secret's key '{name}'"
            raise Unusable(f"providers of type {self.type} need {where}")
        return value

    @property
    def token_or_password(self) -> str:
        """Return the token, or the password where Git forges take one for the other. Raises Unusable."""
        return self.token or self.password or self.needs("token")

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that must not be shown."""
        texts = [self.token, self.password, self.access_token, *self.headers.values()]
        texts += [value.decode(errors="replace") for key, value in self.secret.items() if key != "username"]
        return tuple(text for text in texts if text)


Provider = Callable[[Notice, Account], Exchange]
