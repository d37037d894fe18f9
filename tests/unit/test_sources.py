"""Where a setting's value comes from, and what is said of one that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings import Settings
from flows.sources import settings_from, sourced
from nightshift.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "nightshift.toml"


def source_of(name: str, flags: dict[str, object], environment: dict[str, str], file: Path) -> str:
    found = sourced(flags, environment=environment, file=file)
    return next(one.source for one in found if one.name == name)


def test_a_flag_goes_before_the_environment_the_file_and_the_default(file: Path) -> None:
    environment = {"NIGHTSHIFT_TRAIN_MINUTES": "20"}
    assert source_of("train_minutes", {}, {}, file) == "default"
    file.write_text("train_minutes = 10")
    assert source_of("train_minutes", {}, {}, file) == str(file)
    assert source_of("train_minutes", {}, environment, file) == "NIGHTSHIFT_TRAIN_MINUTES"
    assert source_of("train_minutes", {"train_minutes": 30.0}, environment, file) == "flag"
    assert settings_from({}, environment=environment, file=file).train_minutes == 20.0
    assert settings_from({}, environment={}, file=file).train_minutes == 10.0


def test_a_flag_that_was_not_given_is_no_flag(file: Path) -> None:
    assert source_of("max_experts", {"max_experts": None}, {}, file) == "default"


def test_every_setting_says_what_it_is(file: Path) -> None:
    assert all(one.help for one in sourced(environment={}, file=file))


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("train_minute = 5", "there is not: train_minute"),
        ("train_minutes = 'long'", "'long', not a number"),
        ("max_experts = 2.5", "2.5, not a whole number"),
        ("max_experts = true", "True, not a whole number"),
        ("lexical = 1", "1, not true or false"),
        ("lexical = 'no'", "'no', not true or false"),
        ("gate_margin = nan", "at least 0"),
        ("train_minutes = inf", "finite"),
        ("gate_margin = -0.1", "at least 0"),
        ("approval = 'ask'", 'is "auto" or "manual"'),
        ("train_minutes = ", "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(file: Path, written: str, sentence: str) -> None:
    file.write_text(written)
    with pytest.raises(UsageError) as error:
        settings_from({}, environment={}, file=file)
    assert sentence in error.value.message
    assert error.value.hint


@pytest.mark.parametrize("word", ["false", "False", "0"])
def test_a_switch_is_read_from_the_environment_and_the_file(file: Path, word: str) -> None:
    assert settings_from({}, environment={}, file=file).lexical
    off = {"NIGHTSHIFT_LEXICAL": word}
    assert not settings_from({}, environment=off, file=file).lexical
    assert settings_from({"lexical": True}, environment=off, file=file).lexical
    file.write_text("lexical = false")
    assert not settings_from({}, environment={}, file=file).lexical
    with pytest.raises(UsageError, match="'maybe', not true or false"):
        settings_from({}, environment={"NIGHTSHIFT_LEXICAL": "maybe"}, file=file)


def test_a_variable_that_is_no_number_is_refused_by_its_name(file: Path) -> None:
    with pytest.raises(UsageError, match="NIGHTSHIFT_SEED"):
        settings_from({}, environment={"NIGHTSHIFT_SEED": "first"}, file=file)


def test_settings_of_an_older_version_are_read_with_the_defaults_of_what_it_did_not_know() -> None:
    old = {"false_alarms_per_year": 2.0, "train_minutes": 5.0, "index": "Flat", "seed": 0}
    assert Settings.from_json(old) == Settings(false_alarms_per_year=2.0, train_minutes=5.0)
