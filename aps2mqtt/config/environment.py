"""The values of the keys that the environment sets. Only user of environs.

To import it costs as much as all the rest of a job, so it is not imported where the file alone sets the keys.
"""

from collections.abc import Callable
from typing import Any

from environs import Env


class _Given(Env):
    """An `environs.Env` that reads one value, gathered before, not the process environment."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def _get_value(self, env_key: str, default: Any) -> Any:  # noqa: ANN401, ARG002 - as in environs
        return self._text


def value(name: str, text: str, parse: Callable[[str], Any]) -> Any:  # noqa: ANN401 - of the key's type
    """The value of the key `name`, which the environment sets to `text`; raises what `parse` raises."""
    env = _Given(text)
    env.add_parser(name, parse)
    return getattr(env, name)(name)
