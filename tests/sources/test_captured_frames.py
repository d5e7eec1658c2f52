"""The decoders, against captured frames and hand-written ones."""

import pytest
from case_checks import (
    decodes_to_the_values_written_out,
    has_a_row_for_every_byte,
    is_encoded_to_the_identical_bytes,
    is_incomplete_and_says_how_much_came,
    is_not_understood_yet,
    walks_to_what_was_received_whole,
)
from frame_cases import CAPTURED, EVERY_CAPTURE, HAND_WRITTEN, Case

STRANGE = [case for case in EVERY_CAPTURE if case.decoded is None]
WHOLE = [case for case in CAPTURED if "cut" not in case.decoded]
CUT = [case for case in CAPTURED if "cut" in case.decoded]


def test_there_are_captures_of_every_answer_whole_and_cut():
    """A capture that were not found would be a test that passes without being run."""
    assert {case.command for case in WHOLE} == {"0001", "0002", "0030"}
    assert {case.command for case in CUT} == {"0001", "0002", "0030"}
    assert len(CAPTURED) >= 40


@pytest.mark.parametrize("case", WHOLE + HAND_WRITTEN, ids=str)
def test_a_whole_frame_decodes_to_exactly_the_values_written_out(case: Case):
    decodes_to_the_values_written_out(case)


@pytest.mark.parametrize("case", WHOLE + HAND_WRITTEN, ids=str)
def test_a_whole_frame_is_encoded_to_the_identical_bytes(case: Case):
    is_encoded_to_the_identical_bytes(case)


@pytest.mark.parametrize("case", WHOLE + HAND_WRITTEN, ids=str)
def test_every_byte_of_a_whole_frame_belongs_to_a_row_with_the_value_written_out(case: Case):
    has_a_row_for_every_byte(case)


@pytest.mark.parametrize("case", CUT, ids=str)
def test_a_cut_frame_is_incomplete_and_its_message_says_how_much_of_it_came(case: Case):
    is_incomplete_and_says_how_much_came(case)


@pytest.mark.parametrize("case", CUT, ids=str)
def test_walking_a_cut_frame_finds_exactly_what_was_received_whole(case: Case):
    walks_to_what_was_received_whole(case)


REFUSED_WITH_END = Case("0002 refused, with an END", "0002", b"APS110018000202END\n", {})


@pytest.mark.parametrize("case", [*STRANGE, REFUSED_WITH_END], ids=str)
def test_a_capture_without_decoded_values_is_one_that_is_not_understood_yet(case: Case):
    is_not_understood_yet(case)
