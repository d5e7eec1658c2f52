"""What can go wrong, by whose fault it is and what the process then exits with.

    JobError                  the job could not do its work
    ├── UsageError            64  the command line
    ├── ConfigError           78  the configuration: one line per mistake
    ├── EcuError                  the ECU could not be read
    │   ├── EcuUnreachable    69  refused, unknown
    │   │   └── EcuSilent             or mute
    │   │       └── EcuMute           though it accepts connections
    │   └── FrameError        76  its answer
    │       ├── IncompleteFrame       ends before its declared length
    │       ├── MalformedFrame        does not follow the protocol
    │       │   └── NoFrame               and nothing in it does: something else listens there
    │       └── EcuRefusal            has a status other than 00, or there is none to this query
    ├── EcuBusy               75  another job holds the ECU
    ├── BrokerUnreachable     69  the broker: refused, unknown, mute, TLS, or a reason of its own
    ├── BrokerRefusal         77  the broker: user, password, or what they may do
    ├── OutputError           70  standard output
    └── BothFailed                the ECU and then the broker: the ECU's status

Every message is one line that names the cause and, after a semicolon, the remedy. No message holds a secret.
The statuses are those of sysexits.h.
"""

import errno
import re
from collections.abc import Iterable
from enum import IntEnum


class ExitStatus(IntEnum):
    """The documented exit statuses (sysexits.h)."""

    OK = 0
    USAGE = 64
    UNAVAILABLE = 69
    SOFTWARE = 70
    TEMPFAIL = 75
    PROTOCOL = 76
    NOPERM = 77
    CONFIG = 78


# Of several ECUs the gravest is the status of all. First what another job does, then what may pass by itself, then what
# somebody has to mend, then what only we can.
GRAVITY = (
    ExitStatus.OK,
    ExitStatus.TEMPFAIL,
    ExitStatus.UNAVAILABLE,
    ExitStatus.PROTOCOL,
    ExitStatus.NOPERM,
    ExitStatus.CONFIG,
    ExitStatus.SOFTWARE,
)


def gravest(statuses: Iterable[ExitStatus]) -> ExitStatus:
    """The status of them all; OK where there is none."""
    return max(statuses, key=GRAVITY.index, default=ExitStatus.OK)


class JobError(Exception):
    """The job could not do its work; `status` is what the process exits with."""

    status = ExitStatus.SOFTWARE


class UsageError(JobError):
    """The command line asks for what is not there."""

    status = ExitStatus.USAGE


class ConfigError(JobError):
    """The configuration holds mistakes; `mistakes` has one line for each."""

    status = ExitStatus.CONFIG

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class EcuError(JobError):
    """The ECU could not be read; `ecu_id` is its id, where it got so far as to say it."""

    ecu_id = ""


class EcuUnreachable(EcuError):
    """No byte came from the ECU."""

    status = ExitStatus.UNAVAILABLE


class EcuSilent(EcuUnreachable):
    """Nor was a connection refused: it may hang."""


class EcuMute(EcuSilent):
    """It accepts a connection, and says nothing on it."""


class FrameError(EcuError):
    """The ECU answered, and the answer is of no use."""

    status = ExitStatus.PROTOCOL


class IncompleteFrame(FrameError):
    """The answer ends before its declared length."""


class MalformedFrame(FrameError):
    """The answer does not follow the protocol."""


class NoFrame(MalformedFrame):
    """It does not even begin like an ECU's."""


class EcuRefusal(FrameError):
    """The answer's status is not 00, or the ECU does not know the query: asking again would not help."""


class EcuBusy(JobError):
    """Another job holds the ECU."""

    status = ExitStatus.TEMPFAIL


class BrokerUnreachable(JobError):
    """No broker there, or none that could be trusted or that acknowledged in time."""

    status = ExitStatus.UNAVAILABLE


class BrokerRefusal(JobError):
    """The broker refuses user or password, or what they are not allowed."""

    status = ExitStatus.NOPERM


class OutputError(JobError):
    """Standard output cannot be written."""


class BothFailed(JobError):
    """The ECU failed, and the broker could not be told."""

    def __init__(self, ecu: JobError, broker: JobError) -> None:
        super().__init__(f"{ecu}. And {broker}")
        self.status = ecu.status


SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
SCARCE_WORDS = ("can't start new thread", "failed to map segment")  # where neither type nor number says it


def is_exhausted(error: Exception) -> bool:
    """True where this machine gives us no more open files, memory or threads."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno in SCARCE)
        or (isinstance(error, RuntimeError | ImportError) and any(words in str(error) for words in SCARCE_WORDS))
    )


DOTS = "••••"  # for a secret of any length
# `?password=x`, `"password": "x"`, or a key that slipped into a value.
PASSWORD = re.compile(r"(pass|pwd|\b(pw|psk|secret|token))\w{0,20}\W{0,3}[\s:=]\W{0,3}", re.IGNORECASE)
LONGEST = 100  # characters of a value that are shown


def shown(value: str) -> str:
    """What may be shown of a value that people gave: no login, nothing that is called a password, and not at length."""
    before, login, value = value.replace("%40", "@").rpartition("@")
    if PASSWORD.search(before):  # so that may be its own @
        return DOTS
    if password := PASSWORD.search(value):
        value = f"{value[: password.end()]}{DOTS}"
    value = f"{value[:LONGEST]}…" if len(value) > LONGEST else value
    return f"{DOTS}@{value}" if login else value


def leading_word(name: str) -> str:
    """What may be shown of a name that we do not know: a slip of the pen makes a name of a key and its value."""
    word = re.split(r"[^\w-]", name, maxsplit=1)[0]
    return shown(re.sub("(?<=PASSWD)(?!_FILE$).{3,}", "", word))


def described(error: Exception) -> str:
    """One line on a failure, or on a bug: whatever is no JobError is one, unless this machine has run out of things."""
    if isinstance(error, JobError):
        return str(error)
    if is_exhausted(error):
        return (
            f"this machine gives us no more files, memory or threads ({str(error) or 'out of memory'}); end what takes "
            "them, or raise the limit: LimitNOFILE=, MemoryMax= and TasksMax= in a unit, `ulimit` in a shell"
        )
    return f"a bug, {type(error).__name__}: {error}; run it with -D and report what it prints"
