"""The type of Provider that starts GitHub workflows."""

from gotk.http.exchange import Exchange
from image_automation.notification.notice import Notice
from image_automation.notification.providers.account import Account
from image_automation.notification.providers.git import forges


def githubdispatch(notice: Notice, account: Account) -> Exchange:
    """Start workflows that listen to `repository_dispatch`; its type names the object, its payload is the event."""
    about = notice.involved_object
    yield from forges.github(account).dispatch(f"{about.kind}/{about.name}.{about.namespace}", notice.as_json())
