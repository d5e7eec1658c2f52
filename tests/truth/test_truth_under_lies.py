"""Days in which every number of a frame may be wrong by any bit, every list short and every record lost.

The array is one that never errs; what lies is the wire. So the test knows at every moment what would be true, and what
the array cannot have made.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import pi, sin
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import replace

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Recalled
from aps2mqtt.mqtt.topics import Style, messages, recalled
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

ECU = "216000000001"
CHANNELS = {"704000000001": 2, "704000000002": 2, "801000000003": 4}
TYPES = {2: "01", 4: "03"}
PARIS = ZoneInfo("Europe/Paris")
BEGIN = datetime(2026, 6, 20, 12, tzinfo=PARIS)
STEP = timedelta(minutes=5)
HOUR = timedelta(hours=1)
STEPS = 12 * 36  # of a walk: a day and a half, a night among them
SUNRISE, SUNSET = 6, 21  # hours of the site
STRONGEST = 300  # W of a channel at noon
LARGEST = 4.0 * len(CHANNELS)  # kW that the array gives at the most
CHANNEL = 2000  # W that a channel gives at the most
SLACK = 1.0  # kWh
BRIGHT = 100  # W of a channel: lifetime then rises by more than a tenth in an hour
UNBELIEVED = 11  # readings in a row of a value that is not believed


# -- the array, as it is ----------------------------------------------------------------------------------------------


def watts(now: datetime) -> int:
    """Power of a channel."""
    hours = now.hour + now.minute / 60
    return round(STRONGEST * max(0.0, sin(pi * (hours - SUNRISE) / (SUNSET - SUNRISE))))


def true_system_info(now: datetime, made: float, today: float) -> SystemInfo:
    """The answer to 0001."""
    power = watts(now)
    return SystemInfo(
        ECU,
        "01",
        lifetime_energy=int(made * 10 + 1e-6) / 10,
        power=power * sum(CHANNELS.values()),
        energy_today=int(today * 100 + 1e-6) / 100,
        registered=len(CHANNELS),
        online=len(CHANNELS) if power else 0,
        firmware="ECU_R_1.2.31",
    )


def true_records(now: datetime) -> tuple[Record, ...]:
    """The records of 0002."""
    power = watts(now)
    return tuple(
        Record(uid, power > 0, TYPES[channels], 50.0, 30, (power,) * channels, (230,) * (2 if channels == 2 else 1))
        for uid, channels in CHANNELS.items()
    )


def stamp(now: datetime) -> datetime:
    """Time of the data: it stands all night (quirk 39)."""
    if now.hour < SUNRISE:
        return (now - timedelta(days=1)).replace(hour=SUNSET, minute=0)
    return min(now, now.replace(hour=SUNSET, minute=0))


# -- what lies --------------------------------------------------------------------------------------------------------


class Lie(NamedTuple):
    """One kind of trouble, for some steps."""

    begin: int
    steps: int
    kind: str  # a number of 0001 that leaps, or what happens to the list
    bit: int  # that leaps
    every: int  # so many steps, from one lie to the next
    lost: frozenset[str]  # UIDs


SCALES = {"lifetime_energy": 10, "energy_today": 100, "power": 1, "registered": 1, "online": 1}
KINDS = (*SCALES, "channel", "zeros", "short", "lost")
LIES = st.builds(
    Lie,
    begin=st.integers(1, STEPS - 40),
    steps=st.integers(1, 40),
    kind=st.sampled_from(KINDS),
    bit=st.integers(0, 31),
    every=st.integers(1, 4),
    lost=st.sets(st.sampled_from(sorted(CHANNELS)), min_size=1).map(frozenset),
)


def drawn(chance: random.Random) -> Lie:
    """One of LIES, the same in every run."""
    return Lie(
        begin=chance.randint(1, STEPS - 40),
        steps=chance.randint(1, 40),
        kind=chance.choice(KINDS),
        bit=chance.randrange(32),
        every=chance.randint(1, 4),
        lost=frozenset(chance.sample(sorted(CHANNELS), chance.randint(1, len(CHANNELS)))),
    )


WIDTHS = {"registered": 16, "online": 16}  # bits


def lied(info: SystemInfo, records: tuple[Record, ...], lie: Lie) -> tuple[SystemInfo, tuple[Record, ...], int]:
    """What the wire says in place of the truth, and how many records it announces."""
    if lie.kind in SCALES:
        raw = round(getattr(info, lie.kind) * SCALES[lie.kind]) ^ (1 << lie.bit % WIDTHS.get(lie.kind, 32))
        scale = SCALES[lie.kind]
        return replace(info, **{lie.kind: raw / scale if scale > 1 else raw}), records, len(records)
    if lie.kind == "zeros":
        return replace(info, lifetime_energy=0.0, energy_today=0.0), records, len(records)
    if lie.kind == "channel":
        flipped = tuple(replace(one, powers=(one.powers[0] ^ 1 << lie.bit % 16, *one.powers[1:])) for one in records)
        return info, flipped, len(records)
    left = tuple(record for record in records if record.uid not in lie.lost)
    return info, left, len(left) if lie.kind == "short" else len(records)


def longest_row(lies: list[Lie]) -> int:
    """Steps in a row at which a counter lies: what goes on for an hour is believed, as of a new ECU."""
    lying = {
        step
        for lie in lies
        for step in range(lie.begin, lie.begin + lie.steps)
        if lie.kind.startswith("energy_") or lie.kind in ("lifetime_energy", "zeros")
        if step % lie.every == 0
    }
    longest = row = 0
    for step in range(STEPS):
        row = row + 1 if step in lying else 0
        longest = max(longest, row)
    return longest


# -- the walk ---------------------------------------------------------------------------------------------------------


@dataclass
class Walk:
    """Jobs in a row, and what lies on the broker after each."""

    lies: list[Lie]
    memory: Memory | None = None
    retained: dict[str, str] = field(default_factory=dict)
    made: float = 1000.0  # kWh, true
    today: float = 10.0  # kWh, true
    true_at: dict[str, datetime] = field(default_factory=dict)  # when a counter was said and published as it is last
    said: dict[str, float] = field(default_factory=dict)  # what the wire says of the counters now
    begun: date = date(2026, 6, 20)  # the date of today's energies on the broker
    slack_of: set[date] = field(default_factory=set)  # when more than today's true energy lay there
    quiet: int = 0  # steps since the last lie

    def jobs(self) -> Iterator[datetime]:
        """Does one job after the other; gives the time of each."""
        now = BEGIN
        for step in range(STEPS):
            self._job(now, [lie for lie in self.lies if lie.begin <= step < lie.begin + lie.steps])
            yield now
            earlier, now = now, (now.astimezone(ZoneInfo("UTC")) + STEP).astimezone(PARIS)
            grown = (watts(earlier) + watts(now)) / 2 * sum(CHANNELS.values()) / 1000 * (STEP / HOUR)
            self.made += grown
            self.today = grown if now.date() != earlier.date() else self.today + grown

    def _job(self, now: datetime, lies: list[Lie]) -> None:
        info, records = true_system_info(now, self.made, self.today), true_records(now)
        count, lying = len(records), False
        for lie in lies:
            if (now - BEGIN) // STEP % lie.every == 0:
                info, records, count = lied(info, records, lie)
                lying = True
        self.quiet = 0 if lying else self.quiet + 1
        real_time = RealTime("00", "01", count, f"{stamp(now):%Y%m%d%H%M%S}", records, complete=count == len(records))
        signal = Signal("00", tuple((record.uid, 200) for record in records))
        read = snapshot(info, real_time, signal, PARIS)
        self.said = {} if read.contradictory else {"energy/lifetime": read.lifetime, "energy/today": read.today}
        wants = true_values.wants_recall(read, self.memory, now)
        kept = recalled(Style(), ECU, {f"aps/{ECU}/{topic}": text for topic, text in self.retained.items()})
        report, self.memory = true_values.settle(read, self.memory, kept if wants else Recalled(), now, PARIS)
        said = {one.topic.removeprefix(f"aps/{ECU}/"): one.payload for one in messages(Style(), report)}
        self.retained = {topic: text for topic, text in (self.retained | said).items() if text}


def number(retained: dict[str, str], topic: str) -> float:
    """What lies on the topic; 0 where nothing does."""
    return float(retained.get(topic, "0"))


def check_energies(before: dict[str, str], walk: Walk, now: datetime) -> None:
    """No counter rises by more than can have been made since it was true, and today's falls at midnight alone."""
    for topic in ("energy/lifetime", "energy/today"):
        made = LARGEST * ((now - walk.true_at.get(topic, BEGIN)) / HOUR) + SLACK + 0.11  # the counter's own steps
        was, is_now = number(before, topic), number(walk.retained, topic)
        if before:
            assert is_now <= was + made, f"{topic} leaps from {was} to {is_now} at {now}"
    if number(walk.retained, "energy/lifetime") < number(before, "energy/lifetime"):
        assert number(before, "energy/lifetime") > walk.made - 0.1, "lifetime falls"
    # A reading that contradicts itself says nothing of today; so yesterday's total may stay until the next.
    new_date = walk.begun != now.date()
    if new_date and walk.said:
        walk.begun = now.date()
    for topic, text in walk.retained.items():
        if topic.endswith("energy/today") and not new_date:
            assert float(text) >= number(before, topic), f"{topic} falls at {now}"
            assert float(text) <= LARGEST * 24 + SLACK
    if "energy/yesterday" in walk.retained:
        assert number(walk.retained, "energy/yesterday") <= LARGEST * 24 + SLACK


def check_moment(walk: Walk, now: datetime) -> None:
    """What is of the moment is not more than an inverter gives, and nobody's is from before three polls."""
    assert number(walk.retained, "power") <= LARGEST * 1000
    for uid, channels in CHANNELS.items():
        if walk.retained.get(f"{uid}/online") == "True":
            powers = {walk.retained[f"{uid}/{panel}/power"] for panel in range(2, channels + 1)}
            fresh = {str(watts(now - age * STEP)) for age in range(3)}
            assert powers <= fresh, f"{uid} shows {powers} at {now}, not one of {fresh}"
            assert number(walk.retained, f"{uid}/1/power") <= CHANNEL
        else:
            assert walk.retained.get(f"{uid}/power", "0") == "0"


def check_truth(walk: Walk, now: datetime) -> None:
    """An hour after the last lie everything that lies on the broker is true.

    But for what a counter may have leapt within the slack: today's then stays for the date, as it never falls, and
    lifetime until the counter has risen, as it does in bright light.
    """
    info = true_system_info(now, walk.made, walk.today)
    assert number(walk.retained, "power") == info.power
    assert (walk.retained["inverters/total"], walk.retained["inverters/online"]) == ("3", str(info.online))
    assert number(walk.retained, "energy/today") >= info.energy_today
    if now.date() not in walk.slack_of:
        assert number(walk.retained, "energy/today") == info.energy_today
    if watts(now) >= BRIGHT and watts(now - HOUR) >= BRIGHT:
        assert number(walk.retained, "energy/lifetime") == info.lifetime_energy
    for uid, channels in CHANNELS.items():
        assert walk.retained[f"{uid}/online"] == str(watts(now) > 0)
        assert walk.retained[f"{uid}/1/power"] == str(watts(now))
        assert number(walk.retained, f"{uid}/power") == watts(now) * channels


def is_bounded(lies: list[Lie]) -> bool:
    """False for lies that the rules let pass: for an hour, or of how many inverters make what is said beside that."""
    kinds = {lie.kind for lie in lies}
    of_numbers = bool(kinds & {"registered", "online"} and kinds & {"lifetime_energy", "energy_today", "power"})
    return longest_row(lies) <= UNBELIEVED and not of_numbers


def check(lies: list[Lie]) -> None:
    """Walks, and holds what lies on the broker to the truth."""
    walk = Walk(lies)
    before: dict[str, str] = {}
    for now in walk.jobs():
        check_energies(before, walk, now)
        check_moment(walk, now)
        info = true_system_info(now, walk.made, walk.today)
        if walk.quiet > UNBELIEVED:
            check_truth(walk, now)
        if number(walk.retained, "energy/today") > info.energy_today:
            walk.slack_of.add(now.date())
        for topic, true in (("energy/lifetime", info.lifetime_energy), ("energy/today", info.energy_today)):
            if number(walk.retained, topic) == walk.said.get(topic) == true:
                walk.true_at[topic] = now
        before = dict(walk.retained)


@pytest.mark.parametrize("seed", range(0, 80, 10))
def test_no_lie_of_the_wire_reaches_the_broker_and_every_truth_is_back_within_an_hour(seed):
    """Lifetime, today's and yesterday's energy, power, the inverters and their energies: over a day and a half."""
    for number in range(seed, seed + 10):
        chance = random.Random(number)
        lies = [drawn(chance) for _ in range(chance.randint(1, 6))]
        if is_bounded(lies):
            check(lies)


@pytest.mark.skipif("WALKS" not in os.environ, reason="for an hour of search: WALKS=1000 and this file")
@settings(max_examples=int(os.environ.get("WALKS", "1")), derandomize=False)
@given(lies=st.lists(LIES, min_size=1, max_size=6).filter(is_bounded))
def test_a_search_finds_no_lie_that_reaches_the_broker(lies):
    """Other walks at every run: what it finds becomes a rule and a test."""
    check(lies)
