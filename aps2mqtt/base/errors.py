"""Errors by their cause, each with the exit status of the process.

    JobError                  the job could not do its work
    ├── UsageError            64  the command line
    ├── ConfigError           78  the configuration: one line per mistake
    ├── EcuError                  the ECU could not be read
    │   ├── EcuUnreachable    69  no byte came: refused or unknown
    │   │   └── EcuSilent             time-out instead of a refusal
    │   │       └── EcuMute           it accepts a connection and sends nothing
    │   └── FrameError        76  its answer is of no use
    │       ├── IncompleteFrame       it ends before its declared length
    │       ├── MalformedFrame        it does not follow the protocol
    │       │   └── NoFrame               it is no frame at all: another program listens there
    │       └── EcuRefusal            its status is not 00, or the ECU does not support the query
    ├── EcuBusy               75  another job holds the ECU
    ├── BrokerUnreachable     69  the broker: refused, unknown, time-out, TLS, or another reason that it gives
    ├── BrokerRefusal         77  the broker does not accept the user, the password or the topic
    ├── OutputError           70  standard output cannot be written
    └── BothFailed                first the ECU and then the broker failed; the status is the ECU's

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


# With several ECUs the process exits with the gravest status. The order: another job uses the ECU, a failure that may
# pass, a failure that the user has to fix, a bug.
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
    """The command line is wrong, or names something that does not exist."""

    status = ExitStatus.USAGE


class ConfigError(JobError):
    """The configuration holds mistakes; `mistakes` has one line for each."""

    status = ExitStatus.CONFIG

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class EcuError(JobError):
    """The ECU could not be read; `ecu_id` is its id, or empty if it was not read."""

    ecu_id = ""


class EcuUnreachable(EcuError):
    """No byte came from the ECU."""

    status = ExitStatus.UNAVAILABLE


class EcuSilent(EcuUnreachable):
    """The connection was not refused either: the ECU may hang."""


class EcuMute(EcuSilent):
    """The ECU accepts a connection and sends nothing."""


class FrameError(EcuError):
    """The ECU answered, but the answer is of no use."""

    status = ExitStatus.PROTOCOL


class IncompleteFrame(FrameError):
    """The answer ends before its declared length."""


class MalformedFrame(FrameError):
    """The answer does not follow the protocol."""


class NoFrame(MalformedFrame):
    """The answer does not even begin like a frame."""


class EcuRefusal(FrameError):
    """The answer's status is not 00, or the ECU does not support the query: a retry would not help."""


class EcuBusy(JobError):
    """Another job holds the ECU."""

    status = ExitStatus.TEMPFAIL


class BrokerUnreachable(JobError):
    """The broker was not reached or not trusted, or it did not acknowledge the messages in time."""

    status = ExitStatus.UNAVAILABLE


class BrokerRefusal(JobError):
    """The broker refuses the user, the password or a topic that the user has no right to."""

    status = ExitStatus.NOPERM


class OutputError(JobError):
    """Standard output cannot be written."""


class BothFailed(JobError):
    """The ECU failed, and this could not be published."""

    def __init__(self, ecu: JobError, broker: JobError) -> None:
        super().__init__(f"{ecu}. And {broker}")
        self.ecu = ecu
        self.status = ecu.status


SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS}
SCARCE_WORDS = ("can't start new thread", "failed to map segment")  # of errors that have no type or number of their own


def is_exhausted(error: Exception) -> bool:
    """True if `error` says that this machine has run out of open files, memory or threads."""
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno in SCARCE)
        or (isinstance(error, RuntimeError | ImportError) and any(words in str(error) for words in SCARCE_WORDS))
    )


DOTS = "••••"  # for a secret of any length
# Matches `?password=x`, `"password": "x"`, and a key that was written into a value by mistake.
PASSWORD = re.compile(r"(pass|pwd|\b(pw|psk|secret|token))\w{0,20}\W{0,3}[\s:=]\W{0,3}", re.IGNORECASE)
LONGEST = 100  # characters of a value; the rest is not shown


def shown(value: str) -> str:
    """The part of a configured value that may be shown: no login, no password, and at most LONGEST characters."""
    before, login, value = value.replace("%40", "@").rpartition("@")
    if PASSWORD.search(before):  # the @ may be a part of that password
        return DOTS
    if password := PASSWORD.search(value):
        value = f"{value[: password.end()]}{DOTS}"
    value = f"{value[:LONGEST]}…" if len(value) > LONGEST else value
    return f"{DOTS}@{value}" if login else value


def leading_word(name: str) -> str:
    """The part of an unknown key that may be shown: by a typing error, the key may contain its value."""
    word = re.split(r"[^\w-]", name, maxsplit=1)[0]
    return shown(re.sub("(?<=PASSWD)(?!_FILE$).{3,}", "", word))


def described(error: Exception) -> str:
    """One line about `error`. What is neither a JobError nor a lack of files, memory or threads is a bug."""
    if isinstance(error, JobError):
        return str(error)
    if is_exhausted(error):
        return (
            f"this machine has no more files, memory or threads for aps2mqtt ({str(error) or 'out of memory'}); stop "
            "other programs, or raise the limit: LimitNOFILE=, MemoryMax= and TasksMax= in a unit, `ulimit` in a shell"
        )
    return f"unexpected error ({type(error).__name__}: {error}); run the command again with -D and report its output"
