"""The keys of SunSpec."""

from pathlib import Path

import pytest
from loading_settings import load, mistakes

ON = {"APS_ECU_SUNSPEC": "on"}


def test_it_is_off_by_default() -> None:
    ecu = load({}).ecu
    assert (ecu.sunspec, ecu.sunspec_port, ecu.sunspec_units, ecu.ecu_id) == (False, 502, (), "")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("1", (1,)),
        ("1,2,11", (1, 2, 11)),
        ("1-9", tuple(range(1, 10))),
        ("11, 1-3 ,2", (11, 1, 2, 3)),
        ("1 - 2", (1, 2)),
        ("1,,2,", (1, 2)),
        ("247", (247,)),
        ("001", (1,)),
        (" ", ()),
    ],
)
def test_units_are_addresses_and_spans_of_them(text: str, units: tuple[int, ...]) -> None:
    assert load({**ON, "APS_ECU_SUNSPEC_UNITS": text}).ecu.sunspec_units == units


@pytest.mark.parametrize("text", ["0", "248", "1-248", "9-1", "1;2", "all", "-1", "1-", "1.5", "١", "1-2-3", "99999"])  # noqa: RUF001 - a digit of Arabic
def test_what_is_no_address_is_a_mistake(text: str) -> None:
    (mistake,) = mistakes({**ON, "APS_ECU_SUNSPEC_UNITS": text})
    allowed = "Modbus addresses from 1 to 247, such as 1,2,11 or 1-9"
    assert mistake == f"APS_ECU_SUNSPEC_UNITS must be {allowed}; it is {text!r} (environment)"


@pytest.mark.parametrize("text", ["21600000000", "2160000000011", "2160 0000 0001", "216000000001x", "ECU"])
def test_what_is_no_id_is_a_mistake(text: str) -> None:
    (mistake,) = mistakes({**ON, "APS_ECU_ID": text})
    assert "the 12 digits on the ECU's label" in mistake


def test_an_id_is_of_one_ecu(tmp_path: Path) -> None:
    text = "ecu:\n" + "".join(f"  - APS_ECU_IP: {name}\n    APS_ECU_ID: '216000000001'\n" for name in ("a", "b"))
    found = mistakes({"APS_ECU_IP": "", **ON}, text, tmp_path)
    assert len(found) == 1
    assert "APS_ECU_ID 216000000001 is set for two ECUs" in found[0]


def test_the_two_ports_differ() -> None:
    (mistake,) = mistakes({**ON, "APS_ECU_SUNSPEC_PORT": "8899"})
    assert mistake.startswith("APS_ECU_SUNSPEC_PORT and APS_ECU_PORT are the same; ")
    assert load({"APS_ECU_SUNSPEC_PORT": "8899"}).warnings  # without SunSpec it has no effect


def test_a_key_without_sunspec_has_no_effect_and_says_so() -> None:
    (warning,) = load({"APS_ECU_ID": "216000000001", "APS_ECU_SUNSPEC_UNITS": "1"}).warnings
    assert (
        warning
        == "APS_ECU_SUNSPEC_UNITS and APS_ECU_ID without APS_ECU_SUNSPEC has no effect; set APS_ECU_SUNSPEC to True"
    )
    assert load({**ON, "APS_ECU_ID": "216000000001", "APS_ECU_SUNSPEC_UNITS": "1"}).warnings == ()
