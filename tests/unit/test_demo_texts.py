"""Finding summaries and what they are about in Python and C++ source code."""

from __future__ import annotations

from pathlib import Path

from nightshift.demo.declarations import declarations
from nightshift.demo.docstrings import docstrings
from nightshift.demo.modules import Module
from nightshift.demo.texts import MOST_CHARACTERS, Described, asked, shortened

PYTHON = '''
"""A module."""

class Tide:
    """The sea's level
    over a day.

    It rises and falls twice.
    """

    def low(self):
        """When the sea is lowest."""

def silent():
    pass
'''
CPP = """
/// \\brief The sea's level. It rises and falls twice.
/// \\param[in] day a day
class Tide {
 public:
  int day;  ///< < the day of the tide

  /// The hour when the sea
  /// is lowest
  int low() const;
};
"""


def module(folder: Path, name: str, source: str) -> Module:
    path = folder / name
    path.write_text(source, "utf-8")
    return Module(name, path)


def test_a_docstring_is_a_summary_and_the_rest(tmp_path: Path) -> None:
    found = list(docstrings(module(tmp_path, "sea", PYTHON)))
    assert found == [
        Described("sea.Tide", "The sea's level over a day.", "It rises and falls twice."),
        Described("sea.Tide.low", "When the sea is lowest.", ""),
    ]


def test_what_is_no_python_has_no_docstrings(tmp_path: Path) -> None:
    assert not list(docstrings(module(tmp_path, "sea", "def (")))
    assert not list(docstrings(Module("gone", tmp_path / "gone")))


def test_a_comment_is_a_summary_of_the_code_under_it(tmp_path: Path) -> None:
    found = list(declarations(module(tmp_path, "sea.h", CPP)))
    assert [thing.summary for thing in found] == [
        "The sea's level.",
        "The hour when the sea is lowest",
    ]
    assert found[1] == Described("sea.h:10", found[1].summary, "  int low() const;\n};")


def test_a_text_comes_once_and_does_not_hold_its_question() -> None:
    long = "one two three four five six seven eight nine"
    things = [
        Described("a", "what comes after the first", long),
        Described("b", "What comes after the first?", "another text of no less than eight words"),
        Described("c", "what else comes after it", long),
        Described("d", "three, four, five, six", long + " ten"),
        Described("e", "too short", "a text that is long enough to be found"),
    ]
    assert [text.id for text in asked([things], most_of_a_file=9)] == ["a"]


def test_no_file_gives_more_than_its_share() -> None:
    things = [
        Described(
            f"n{n}", f"what is the number after {n}", f"it is number {n} + 1, as anyone knows"
        )
        for n in range(9)
    ]
    assert len(list(asked([things, []], most_of_a_file=5))) == 5


def test_a_long_text_ends_at_the_end_of_a_line() -> None:
    text = "\n".join(["a line of words"] * 200)
    short = shortened(text)
    assert len(short) <= MOST_CHARACTERS
    assert text.startswith(short + "\n")
    assert len(shortened("x" * 5000)) == MOST_CHARACTERS
