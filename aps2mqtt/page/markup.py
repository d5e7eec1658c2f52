"""Small pieces of HTML: texts that anybody may have written, times, and ages that the script renews. Pure."""

from datetime import datetime, timedelta
from html import escape

from aps2mqtt.base.elapsed import in_words
from aps2mqtt.base.printable import printable


def text(words: str) -> str:
    """`words` from anywhere as text of an element or of an attribute."""
    return escape(printable(words))


def hidden(words: str) -> str:
    """`words` for people who listen to the page; the others see them from their place."""
    return f'<span class="hidden">{text(words)}</span>'


def moment(at: datetime, now: datetime) -> str:
    """A time of the site; with its date if that is not the date of `now`."""
    form = "%H:%M" if at.date() == now.astimezone(at.tzinfo).date() else "%Y-%m-%d %H:%M"
    return f'<time datetime="{at.isoformat(timespec="seconds")}">{at:{form}}</time>'


def ago(since: datetime, now: datetime) -> str:
    """The time from `since` to `now` in words, which the script renews."""
    age = max(timedelta(), now - since)
    return f'<span data-since="{since.timestamp():.0f}">{in_words(age)} ago</span>'
