"""Makes the steps of an ECU's answers and of a broker's certificate, with more than a job needs to know. Pure.

answer, time -> Step
"""

import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aps2mqtt.base.elapsed import LONGEST_GAP, in_words
from aps2mqtt.base.errors import BrokerUnreachable, EcuError, EcuSilent, JobError, NoFrame
from aps2mqtt.base.memory import Memory
from aps2mqtt.base.models import ecu_model, inverter_model
from aps2mqtt.base.printable import plain, some
from aps2mqtt.base.values import Remark
from aps2mqtt.check.result import Finding, Step, explained, judged
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.snapshot import MAX_LEVEL, impossible, is_contradictory, left_out, timestamp
from aps2mqtt.sources.ecu8899.tables import NEVER_HEARD, RECORD_LAYOUTS, is_uid

WEAK = 25  # percent of the link quality
EXPIRES = 14  # days
CLOSER = "move the ECU closer to these inverters, away from metal"
MOST_NAMED = 8  # inverters in one line
ANOTHER_DEVICE = "look up the ECU's address in the router or the vendor's app: another device may use APS_ECU_IP now"


# -- the firmware -----------------------------------------------------------------------------------------------------


class Trouble(NamedTuple):
    """A known problem of a firmware, and its remedy."""

    what: str
    remedy: str


CLOSES = Trouble(
    "refuses connections from about an hour after power-on",
    "power the ECU off and on when it refuses connections (only other firmware fixes this)",
)
MAY_CLOSE = CLOSES._replace(what="may refuse connections from about an hour after power-on")
FREEZES = Trouble(
    "may report energy counters that do not change although the array produces power",
    "if yours do not change, use energy/today of the inverters, which is calculated from power",
)
NO_WEB = Trouble(
    "has no web interface: APS_ECU_AUTO_RESTART cannot restart the ECU",
    "power the ECU off and on if it hangs",
)
# By the whole text of the firmware. The numbers are those of the quirks seen in the field.
FIRMWARE = {
    "ECU_R_1.3.18": MAY_CLOSE,  # 6, reported
    "ECU_R_1.3.19": MAY_CLOSE,  # 6, reported; repaired in 1.3.19C
    "ECU_R_1.3.20": CLOSES,  # 6 and 7, reported by its users since February 2026
    "ECU_R_1.2.31": FREEZES,  # 54, seen
    "ECU_R_1.3.6C": FREEZES,  # 54, seen, with QT2
    "ECU_R_1.3.10": FREEZES,  # 54, seen, with QT2
    "ECU_R_PRO_2.1.29A": NO_WEB,  # section 7, reported on the day of its release
}
MEANINGLESS_ZONE = ("2160", "2163")  # ids of ECUs that report Etc/GMT-8 at every site (quirk 25)


# -- where a step fails -----------------------------------------------------------------------------------------------


def hints(name: str, error: JobError, memory: Memory | None) -> tuple[str, ...]:
    """The remedies that helped others with this `error` in the step `name`; `memory` is that of the last job."""
    if name == "message" and isinstance(error, BrokerUnreachable):
        limits = "retain_available (true), max_qos (1 or 2) and max_packet_size"
        return (f"check {limits} in mosquitto: it disconnects clients that exceed these limits",)
    if not isinstance(error, EcuError):
        return ()
    if isinstance(error.__cause__, ConnectionRefusedError):
        return ANOTHER_DEVICE, _of_closing(memory)
    if isinstance(error.__cause__, TimeoutError):
        return (
            "look up the ECU's address in the router, and give the ECU a fixed address there",
            "check the network: guest networks, VLANs and containers may not reach the ECU",
        )
    if isinstance(error, EcuSilent):
        return (
            "stop other programs that poll the ECU, such as the vendor's app: it serves only one client",  # quirk 11
            "wait ten minutes after a restart or a firmware update (updates come at night)",  # quirks 12, 13
            "poll at most every five minutes: ECU-R-Pro and ECU-C hang sooner with more polls",  # quirks 3, 15
        )
    return (ANOTHER_DEVICE,) if isinstance(error, NoFrame) else ()


def _of_closing(memory: Memory | None) -> str:
    """A hint about quirk 6; it names the ECU's firmware if `memory` knows it."""
    if memory is not None and FIRMWARE.get(memory.reading.firmware) in (CLOSES, MAY_CLOSE):
        trouble = FIRMWARE[memory.reading.firmware]
        return f"the ECU's firmware was {memory.reading.firmware}, which {trouble.what}: {trouble.remedy}"
    return f"firmware ECU_R_1.3.20 {CLOSES.what}: {CLOSES.remedy}"


# -- 0001 -------------------------------------------------------------------------------------------------------------


def totals(info: SystemInfo, timezone: tzinfo, memory: Memory | None, now: datetime) -> Step:
    """The step for the answer to 0001; `timezone` is the site's."""
    firmware = plain(info.firmware)
    model, now_and_today = ecu_model(info.ecu_id), f"{info.power} W now, {info.energy_today:g} kWh today"
    counts = _of_counts(info)
    return judged(
        "0001",
        (
            Finding(f"{model} {info.ecu_id}, firmware {firmware}"),
            _of_firmware(firmware),
            _of_identity(info, memory),
            Finding(f"{now_and_today}, {info.lifetime_energy} kWh lifetime"),
            counts,
            _of_zone(info, timezone, now),
            *_of_remarks(info.remarks),
        ),
        {
            "ecu_id": info.ecu_id,
            "model": model,
            "firmware": firmware,
            "time_zone": plain(info.time_zone),
            "power": info.power,
            "today_energy": info.energy_today,
            "lifetime_energy": info.lifetime_energy,
            "inverters_total": info.registered,
            "inverters_online": info.online,
        },
        brief=(f"{model} {info.ecu_id}, {firmware}, {now_and_today}",),
    )


def _of_firmware(firmware: str) -> Finding | None:
    trouble = FIRMWARE.get(firmware)
    return Finding(f"this firmware {trouble.what}", (trouble.remedy,)) if trouble is not None else None


def _of_identity(info: SystemInfo, memory: Memory | None) -> Finding | None:
    if memory is None or memory.ecu_id == info.ecu_id:
        return None
    return Finding(
        f"the last job polled another ECU at this address, {memory.ecu_id}",
        ("check APS_ECU_IP, unless you have replaced the ECU",),
    )


def _of_counts(info: SystemInfo) -> Finding:
    counts = f"{info.online} of {info.registered} inverters online"
    if not is_contradictory(info, listed=0):
        return Finding(counts)
    # Quirk 53.
    return Finding(
        f"the ECU contradicts itself: {counts}, {info.power} W (jobs do not publish these counters)",
        ("run check again in five minutes, and restart the ECU if this continues",),
    )


def _of_zone(info: SystemInfo, timezone: tzinfo, now: datetime) -> Finding | None:
    name = plain(info.time_zone)
    if not name:
        return None
    if info.ecu_id.startswith(MEANINGLESS_ZONE):
        return Finding(f"the ECU reports time zone {name} (ignored: this model never reports the right one)")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Finding(f"the ECU reports time zone {name}, which this machine does not know")
    if now.astimezone(zone).utcoffset() == now.astimezone(timezone).utcoffset():
        return Finding(f"the ECU's time zone {name} agrees with APS_ECU_TIMEZONE")
    return Finding(
        f"the ECU's time zone is {name}, but APS_ECU_TIMEZONE is {zone_name(timezone)}",
        ("set APS_ECU_TIMEZONE to the time zone of the site, and set the ECU's time zone in the vendor's app",),
    )


def zone_name(timezone: tzinfo) -> str:
    """The IANA name of `timezone`; "UTC" or "this machine's" if it has none."""
    return str(getattr(timezone, "key", None) or ("UTC" if str(timezone) == "UTC" else "this machine's"))


# -- 0002 -------------------------------------------------------------------------------------------------------------


def inverters(real_time: RealTime, info: SystemInfo, timezone: tzinfo, now: datetime) -> Step:
    """The step for the answer to 0002 of an ECU that answered `info` to 0001; `timezone` is the site's."""
    records = [record for record in real_time.records if record.uid != info.ecu_id]
    lists_itself = len(records) < len(real_time.records)
    groups = {name: [record.uid for record in records if _condition(record) == name] for name in CONDITIONS}
    of = timestamp(real_time.time, timezone)
    age = _of_age(of, bool(groups["online"] or info.online), timezone, now)
    return judged(
        "0002",
        (
            Finding(_counted(records)),
            _of_left_out(info, real_time),
            *(
                Finding(f"{IN_WORDS.get(name, name)}: {_named(group)}", CONDITIONS[name])
                for name, group in groups.items()
                if group
            ),
            age,
            Finding("the ECU lists itself as an inverter (ignored)") if lists_itself else None,  # quirk 29
            *_of_remarks((*real_time.remarks, *(remark for record in records for remark in impossible(record)))),
        ),
        {
            "timestamp": of.isoformat() if of else None,
            "age": round((now - of).total_seconds()) if of else None,
            "inverters": [
                {
                    "uid": record.uid,
                    "model": inverter_model(record.uid),
                    "type": record.type,
                    "condition": _condition(record),
                    "panels": len(record.powers),
                }
                for record in records
            ],
            "complete": left_out(info, len(real_time.records)) is None,
        },
        brief=_in_short(records, groups, now - of if of else None),
    )


def _in_short(records: Sequence[Record], groups: Mapping[str, Sequence[str]], age: timedelta | None) -> Iterator[str]:
    """How many inverters are online, and by day which are offline."""
    data = f", data {in_words(age)} {'old' if age >= timedelta() else 'ahead'}" if age is not None else ""
    yield f"{len(groups['online'])} of {len(records)} online ({_by_model(records)}){data}"
    if groups["online"] and groups["offline"]:
        yield f"offline: {_named(groups['offline'])}"


def _of_left_out(info: SystemInfo, real_time: RealTime) -> Finding | None:
    """A warning if 0002 lacks inverters; the firmware of April 2026 leaves out all of them."""
    short = left_out(info, len(real_time.records))
    if short is None:
        return None
    return Finding(
        f"the ECU lists {short.listed} of its {short.expected} inverters, so the others have no values",
        ("restart the ECU, update its firmware, or use the vendor's app to remove inverters that you no longer have",),
    )


IN_WORDS = {"never heard": "not seen yet"}  # people know this condition by another name than machines
# In the order in which they are reported, each with its remedies.
CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "online": (),
    "offline": (),
    "never heard": ("compare the serial number with the label (an ECU needs up to an hour of daylight to find it)",),
    "of unknown type": ("please report the line below: the type can be added then",),
    "garbled": ("run check again, and report the line below if it appears again",),
}


def _condition(record: Record) -> str:
    if not is_uid(record.uid):
        return "garbled"
    if record.type not in RECORD_LAYOUTS:
        return "of unknown type"
    if record.type == NEVER_HEARD:
        return "never heard"
    return "online" if record.online else "offline"


def _counted(records: Sequence[Record]) -> str:
    plural = "s" if len(records) != 1 else ""
    return f"{len(records)} inverter{plural}{f': {_by_model(records)}' if records else ''}"


def _by_model(records: Sequence[Record]) -> str:
    models = Counter(inverter_model(record.uid) for record in records)
    return ", ".join(f"{number} {model}" for model, number in sorted(models.items())) or "none listed"


def _named(uids: Sequence[str]) -> str:
    """The UIDs grouped by model, MOST_NAMED of them at most, and the number of the others."""
    models: dict[str, list[str]] = {}
    for uid in uids[:MOST_NAMED]:
        models.setdefault(inverter_model(uid), []).append(uid)
    more = f" and {len(uids) - MOST_NAMED} more" if len(uids) > MOST_NAMED else ""
    return "; ".join(f"{model} {', '.join(named)}" for model, named in models.items()) + more


# -- its clock --------------------------------------------------------------------------------------------------------

EARLY = timedelta(minutes=2)  # so far the ECU's clock may be ahead of ours
LAG = timedelta(minutes=10)  # age of its data; 1 to 5 min were seen (quirk 39), and large arrays take longer (quirk 15)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FURTHEST = 26 * HOUR  # the largest difference between two time zones


def _of_age(of: datetime | None, awake: bool, timezone: tzinfo, now: datetime) -> Finding:  # noqa: FBT001 - private
    if of is None:
        return Finding(
            "the data have no time stamp", ("wait until the ECU has found its inverters, or restart the ECU",)
        )
    age = now - of
    told = f"data of {of:%Y-%m-%d %H:%M:%S}, {_old(age)}"
    if -EARLY <= age <= LONGEST_GAP or (age > LONGEST_GAP and not awake):
        return Finding(told if awake else f"{told} (the inverters are offline)")
    # Data from the future cannot be merely old, so a difference of half hours counts there too.
    step = HOUR if age > timedelta() else HOUR / 2
    if abs(age) <= FURTHEST and -EARLY <= (age + EARLY) % step - EARLY <= LAG:
        return Finding(
            f"{told}: the ECU seems to use another time zone than {zone_name(timezone)}",
            ("set APS_ECU_TIMEZONE to the time zone of the site, or correct this machine's clock",),
        )
    if age < timedelta():
        return Finding(
            f"{told} of this machine's clock",
            ("correct this machine's clock (the ECU gets its time from the internet)",),
        )
    return Finding(
        f"{told} although inverters are online",
        ("correct this machine's clock, or restart the ECU if the clock is right",),
    )


def _old(age: timedelta) -> str:
    return f"{_long(age)} old" if age >= timedelta() else f"{_long(-age)} ahead"


def _long(span: timedelta) -> str:
    if span < HOUR:
        return f"{span // MINUTE} min"
    if span < 2 * DAY:
        return f"{span // HOUR} h {span % HOUR // MINUTE} min"
    return f"{span // DAY} days"


# -- 0030 -------------------------------------------------------------------------------------------------------------


def signals(signal: Signal, real_time: RealTime) -> Step:
    """The step for the answer to 0030, with the records of 0002: an offline inverter has no signal (quirk 61)."""
    online = {record.uid for record in real_time.records if record.online}
    levels = {uid: level * 100 // MAX_LEVEL for uid, level in signal.levels if uid in online}
    weak = [f"{uid} {level} %" for uid, level in sorted(levels.items(), key=lambda item: item[1]) if level < WEAK]
    missing = sorted(online - levels.keys())
    range_ = f"{min(levels.values())} to {max(levels.values())} %" if levels else "none, as no inverter is online"
    return judged(
        "0030",
        (
            Finding(range_),
            Finding(f"weak: {some(weak)}", (CLOSER,)) if weak else None,
            Finding(f"no signal from: {_named(missing)}") if missing else None,
            *_of_remarks(signal.remarks),
        ),
        {"percent": levels},
    )


def no_signals(error: JobError) -> Step:
    """The step if 0030 failed with `error`: a warning, as a job goes on without signals."""
    return judged("0030", [explained(str(error), "restart the ECU if this continues")], {})


def _of_remarks(remarks: Iterable[Remark]) -> Iterable[Finding]:
    """A finding for each remark; one without a remedy gets one: to report it."""
    return [explained(str(remark), "report this line if it appears again") for remark in remarks]


# -- the broker's certificate -----------------------------------------------------------------------------------------


def certificate(certificate: Mapping[str, Any], now: datetime) -> Step:
    """The step for a certificate in the form of `ssl.SSLSocket.getpeercert`."""
    names = [str(name) for _, name in certificate.get("subjectAltName", ())]
    subject, issuer = (
        _distinguished(certificate["subject"]) or some(names),
        _distinguished(certificate["issuer"]),
    )
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - now.timestamp()) // DAY.total_seconds())
    signed, ends = f"certificate of {subject}, signed by {issuer}", f"{days} days left"
    return judged(
        "TLS",
        (
            Finding(signed),
            Finding(f"for {some(names)}") if names else None,
            Finding(ends, ("renew the certificate",) if days < EXPIRES else ()),
        ),
        {"subject": subject, "names": names, "issuer": issuer, "days_left": days},
        brief=(f"{signed}, {ends}",),
    )


def _distinguished(name: Iterable[Iterable[tuple[str, str]]]) -> str:
    """The part of a distinguished name that people know; empty if it has none."""
    parts = dict(pair for relative in name for pair in relative)
    known = ("commonName", "organizationalUnitName", "organizationName")
    return next((parts[key] for key in known if key in parts), "")
