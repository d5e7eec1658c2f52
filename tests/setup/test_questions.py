"""The questions of `init`: answers, options, defaults and mistakes."""

import pytest

from aps2mqtt.base.errors import UsageError
from aps2mqtt.setup import questions
from aps2mqtt.setup.config_file import Ecu
from aps2mqtt.setup.questions import Interview, Terminal


class Person:
    """Gives these answers, one after the other."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []
        self.mistakes: list[str] = []
        self.interview = Interview(Terminal(self._answer, self._answer, self.mistakes.append))

    def _answer(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.answers.pop(0)


def test_an_answer_is_taken_and_enter_takes_the_default() -> None:
    person = Person(" 192.168.1.9 ", "")
    assert person.interview.answer(None, "Address", "192.168.1.7", questions.ecus) == (Ecu("192.168.1.9"),)
    assert person.interview.answer(None, "Address", "192.168.1.7", questions.ecus) == (Ecu("192.168.1.7"),)
    assert person.prompts == ["Address [192.168.1.7]: "] * 2


def test_a_mistake_is_told_and_the_question_repeated() -> None:
    person = Person("http://x", "", "192.168.1.9")
    assert person.interview.answer(None, "Address", "", questions.ecus) == (Ecu("192.168.1.9"),)
    assert person.prompts == ["Address: "] * 3
    assert ["'http://x'" in mistake for mistake in person.mistakes] == [True, False]
    assert all(mistake.startswith("APS_ECU_IP must be ") for mistake in person.mistakes)


def test_an_option_is_an_answer_and_its_mistake_an_error() -> None:
    person = Person()
    assert person.interview.answer("10.0.0.1", "Address", "x", questions.ecus) == (Ecu("10.0.0.1"),)
    assert person.interview.agrees(given=True, prompt="?")
    assert not person.interview.agrees(given=False, prompt="?")
    with pytest.raises(UsageError, match="APS_ECU_IP"):
        person.interview.answer("http://x", "Address", "x", questions.ecus)


def test_without_a_person_defaults_are_the_answers() -> None:
    interview = Interview(None)
    assert interview.answer(None, "Broker", "127.0.0.1", questions.broker) == {"MQTT_BROKER_HOST": "127.0.0.1"}
    assert not interview.agrees(None, "?")
    assert interview.password("me") == {}


def test_yes_and_no_are_words_or_letters() -> None:
    person = Person("Y", "yes", "n", "", "perhaps", "no")
    assert [person.interview.agrees(None, "Sure?") for _ in range(5)] == [True, True, False, False, False]
    assert person.prompts == ["Sure? [y/N]: "] * 6
    assert person.mistakes == ["'perhaps' is not an answer; type y or n"]


def test_a_password_is_never_shown() -> None:
    person = Person('"s3cret"', "s3cret")
    assert person.interview.password("me") == {"MQTT_BROKER_PASSWD": "s3cret"}
    assert "s3cret" not in "".join(person.mistakes + person.prompts)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.168.1.10", "192.168.1.10", ""),
        (" broker.lan:1883 ", "broker.lan", ""),
        ("broker:8883", "broker", "8883"),
        ("broker:", "broker", ""),
        ("fd00::1", "fd00::1", ""),
        ("[fd00::1]", "fd00::1", ""),
        ("[fd00::1]:8883", "fd00::1", "8883"),
    ],
)
def test_a_broker_is_a_host_with_or_without_a_port(text: str, host: str, port: str) -> None:
    assert questions.broker(text) == {"MQTT_BROKER_HOST": host} | ({"MQTT_BROKER_PORT": port} if port else {})


def test_each_ecu_has_a_port_of_its_own_or_the_usual_one() -> None:
    """An IPv6 address needs brackets before its port; the words of an ECU are read as the same ECU."""
    text = "10.0.0.1, ecu.lan:28899,fd00::1,[fd00::2],[fd00::3]:1,10.0.0.1:8899"
    found = (Ecu("10.0.0.1"), Ecu("ecu.lan", port=28899), Ecu("fd00::1"), Ecu("fd00::2"), Ecu("fd00::3", port=1))
    assert questions.ecus(text) == found
    assert [str(ecu) for ecu in found] == ["10.0.0.1", "ecu.lan:28899", "fd00::1", "fd00::2", "[fd00::3]:1"]
    assert [ecu.endpoint for ecu in found[:3]] == ["10.0.0.1:8899", "ecu.lan:28899", "[fd00::1]:8899"]
    assert questions.ecus(",".join(map(str, found))) == found


@pytest.mark.parametrize(
    ("parse", "text", "says"),
    [
        (questions.broker, "", "MQTT_BROKER_HOST must be"),
        (questions.broker, "mqtt://broker", "MQTT_BROKER_HOST must be"),
        (questions.broker, "broker:99999", "MQTT_BROKER_PORT must be"),
        (questions.broker, "broker:x", "MQTT_BROKER_PORT must be"),
        (questions.ecus, "192.168.1.4,,x", "APS_ECU_IP must be"),
        (questions.timezone, "Paris", "APS_ECU_TIMEZONE must be"),
        (questions.position, "48.86", "'48.86' is not a position"),
        (questions.position, "95,2", "APS_ECU_POSITION_LAT must be"),
        (questions.position, "48,86,2,35", "write a point in decimals and one comma between: 48.86,2.35"),
        (questions.position, "48,86 2,35", "write a point in decimals and one comma between: 48.86,2.35"),
        (questions.position, "48,86 2.35", "write a point in decimals and one comma between: 48.86,2.35"),
        (questions.position, "48.86 2.35 N", "is not a position; write latitude and longitude: 48.86,2.35"),
        (questions.position, "", "'' is not a position"),
        (questions.ecus, "ecu:0", "APS_ECU_PORT must be"),
        (questions.ecus, "ecu:99999", "APS_ECU_PORT must be"),
        (questions.ecus, "[fd00::1]:x", "APS_ECU_PORT must be"),
        (questions.ecus, ":8899", "APS_ECU_IP must be"),
        (questions.timezone, "europe/paris", "(did you mean Europe/Paris?)"),
        (questions.user, "a\x07b", "MQTT_BROKER_USER must be"),
        (questions.user, "\udcff", "MQTT_BROKER_USER must be"),
        (questions.user, "x" * 2000, "MQTT_BROKER_USER must be"),
    ],
)
def test_a_wrong_answer_names_the_setting_and_what_is_allowed(parse, text: str, says: str) -> None:
    with pytest.raises(UsageError) as wrong:
        parse(text)
    assert says in str(wrong.value)
    assert len(str(wrong.value)) < 300


def test_a_login_in_an_address_is_not_shown() -> None:
    for parse in (questions.broker, questions.ecus):
        with pytest.raises(UsageError) as wrong:
            parse("me:h8d,den@broker")
        assert "den@" not in str(wrong.value)
        assert "h8d" not in str(wrong.value)


def test_positions_and_zones_become_settings() -> None:
    sydney = {"APS_ECU_POSITION_LAT": "-33.86", "APS_ECU_POSITION_LNG": "151.21"}
    for text in ("-33.86,151.21", "-33.86, 151.21", " -33.86  151.21 ", "-33.86 , 151.21"):
        assert questions.position(text) == sydney
    assert questions.timezone("Europe/Paris") == {"APS_ECU_TIMEZONE": "Europe/Paris"}
    assert questions.timezone("") == questions.user("") == questions.password("") == {}
