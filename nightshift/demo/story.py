"""The demo, act by act: a first corpus, four nights, the history, and the way back.

Every act types a command for the user, runs what the command runs, and tells what came of it. No
decision and no figure is known beforehand.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.bootstrap import bootstrap
from flows.evaluate import gain
from flows.live import Live, open_live
from flows.night import Night, update
from flows.rollback import rollback as take_back
from flows.settings import Settings
from nightshift.cli import history, output
from nightshift.cli.output import plain
from nightshift.cli.told import tell_nights, tell_rollback
from nightshift.demo import screen
from nightshift.demo.asking import DEEPEST, Hits, changes, held_out, hits
from nightshift.demo.corpora import Corpus, corpora
from nightshift.demo.delivery import write_batch
from nightshift.demo.playground import Playground
from pipeline.judged import JudgedQuery
from state.store import Store

LIVED = 4
"""Nights that the demo lives through; the later ones are left for the user."""
ASKED = (1, 2, 3)
"""Nights whose test questions are asked again after a rollback."""
TRAIN_MINUTES = 3.0
PROLOGUE = (
    "A search index takes in what arrives, night after night. Where a kind of text comes that "
    "its encoder does not know, it grows a small expert, proves it, and can take it back. Whatever "
    "is decided and measured below is decided and measured now."
)
LEGAL = "provided as is, without warranty of any kind"
SHOWN = 3


@dataclass
class Story:
    """What happens in one folder; `page` collects it for `--json`."""

    playground: Playground
    started: float = field(default_factory=time.monotonic)
    page: dict[str, Any] = field(default_factory=dict)
    found: dict[int, Hits] = field(default_factory=dict)
    """What some versions found for the test questions, at the time."""

    @property
    def store(self) -> Store:
        return Store.open(self.playground.store)

    def open(self) -> Live:
        return open_live(self.store)

    def night(self, number: int) -> Path:
        return self.playground.nights / f"night-{number}"


def tell(root: Path, *, fresh: bool = False) -> dict[str, Any]:
    """Live through all of it in the folder `root`; the figures, for a program to read."""
    story = Story(Playground.make(root, fresh=fresh))
    arriving = texts(story)
    first(story)
    for number, corpus in enumerate(arriving[1 : 1 + LIVED], start=1):
        lived = live_through(story, number, corpus)
        if any(outcome.expert for outcome in lived.outcomes):
            compare(story, number)
        if any(outcome.outcome == "spawn" for outcome in lived.outcomes):
            search(story, number)
        if number in (1, LIVED):
            remember(story)
    waiting(story)
    grown(story)
    back(story)
    end(story, arriving[1 + LIVED :])
    return story.page


def texts(story: Story) -> list[Corpus]:
    """Find the texts and leave them in the folder, as their owners would deliver them."""
    output.out.print()
    screen.say(PROLOGUE)
    screen.heading("The texts: found on this machine, nothing is fetched")
    with output.progress() as progress:
        arriving = list(corpora(progress))
    for corpus in arriving:
        write_batch(story.playground.nights / corpus.folder, corpus.source, corpus.texts)
    screen.deliveries(arriving[: 1 + LIVED])
    screen.say(
        "A summary line asks for its body: for the rest of the docstring, for the code under the "
        "comment. Only the broken export is made up. One document in three is kept for the test: "
        "its question teaches nobody."
    )
    screen.say(
        f"Everything lies in {story.playground.root}; the commands below could be typed there."
    )
    story.page["texts"] = {corpus.folder: len(corpus.texts) for corpus in arriving}
    return arriving


def first(story: Story) -> None:
    """Version 1."""
    screen.heading("The first corpus becomes version 1")
    screen.command("nightshift init --corpus nights/first")
    with output.progress() as progress:
        night = bootstrap(
            story.playground.store,
            [story.playground.nights / "first"],
            progress=progress,
        )
    tell_nights([night])
    layers = " and ".join(map(str, story.store.manifest().facts["detection"]["layers"]))
    screen.say(
        f"[dim]layers {layers} of the encoder tell real text best from the same words shuffled: "
        "they will judge what is new[/dim]"
    )
    story.page["first"] = night.as_json()


def live_through(story: Story, number: int, corpus: Corpus) -> Night:
    """One night: what arrives, and what becomes of it."""
    screen.heading(f"Night {number}: {corpus.what}")
    screen.command(f"nightshift update nights/{corpus.folder} --train-minutes {TRAIN_MINUTES:.0f}")
    settings = Settings(train_minutes=TRAIN_MINUTES)
    with output.progress() as progress:
        nights = update(story.store, [story.night(number)], settings=settings, progress=progress)
    tell_nights(nights)
    screen.strangeness(story.store.manifest().facts["detection"])
    story.page.setdefault("nights", []).append(nights[0].as_json())
    return nights[0]


def compare(story: Story, number: int) -> None:
    """Held-out questions of the night, with the expert and by the encoder alone."""
    screen.command(
        f"nightshift evaluate nights/night-{number} --leg dense  # and once more with --frozen"
    )
    with output.progress(), story.open() as live:
        found = gain(live, story.night(number))
    screen.difference(found)
    story.page.setdefault("gains", {})[f"night-{number}"] = found


def search(story: Story, number: int) -> None:
    """One question, before and after: the one whose answer came up farthest into what is shown."""
    asked = held_out([story.night(number)])
    with output.progress(), story.open() as live:
        moved = changes(live, asked)
        risen = [change for change in moved if (change.after or DEEPEST) <= SHOWN] or moved
        most = max(risen, key=lambda change: change.ranks_won)
        question = [asked[moved.index(most)]]
        before = hits(live, question, SHOWN, frozen=True)[0]
        after = hits(live, question, SHOWN)[0]
    screen.movement(moved)
    screen.say("The one that rose most:")
    screen.command(f"nightshift search --leg dense {shlex.quote(most.question)}")
    screen.side_by_side(most, before, after)
    story.page["search"] = vars(most)


def waiting(story: Story) -> None:
    """What waits for more of its kind is searchable at once."""
    screen.command(f'nightshift search "{LEGAL}"')
    with output.progress(), story.open() as live:
        answers = live.retriever.ask([LEGAL], 1)
        document = live.library.document(answers.found[0][0].number)
    screen.say(f"1  {plain(document.id)}: {plain(document.text, 60)}")
    screen.say("[dim]what waits for more of its kind is found at once all the same[/dim]")


def grown(story: Story) -> None:
    screen.heading("How it grew")
    screen.command("nightshift history")
    history.history(store=story.playground.store)
    story.page["versions"] = len(story.store.history())


def remember(story: Story) -> None:
    """Ask the live version the test questions, to compare when it has been brought back."""
    with output.progress(), story.open() as live:
        story.found[live.manifest.version] = hits(live, test_questions(story))


def test_questions(story: Story) -> list[JudgedQuery]:
    return held_out([story.night(number) for number in ASKED])


def back(story: Story) -> None:
    """Two ways back: the experts alone, or everything bit for bit; and back again."""
    screen.heading("The way back")
    with output.progress(), story.open() as live:
        alone = hits(live, test_questions(story), frozen=True)
    _take_back(story, 1, "what if there were no expert?")
    _compare(story, "modules", alone, "the hits and scores of the encoder alone, bit for bit")
    for version, then in story.found.items():
        _take_back(story, version, f"as in version {version}", documents=True)
        _compare(
            story,
            f"version {version}",
            then,
            f"the hits and scores of version {version}, bit for bit",
        )


def _compare(story: Story, name: str, then: Hits, what: str) -> None:
    """Ask again, and count the questions that find what they found."""
    with output.progress(), story.open() as live:
        now = hits(live, test_questions(story))
    pairs = list(zip(now, then, strict=True))
    same = sum(new == old for new, old in pairs)
    colour = "green" if same == len(pairs) else "red"
    screen.say(f"[{colour}]{same} of {len(pairs)} questions find {what}[/{colour}]")
    story.page.setdefault("same", {})[name] = [same, len(pairs)]


def _take_back(story: Story, to: int, reason: str, *, documents: bool = False) -> None:
    flag = " --documents" if documents else ""
    screen.command(f'nightshift rollback {to}{flag} --reason "{reason}"')
    tell_rollback(take_back(story.store, to, reason, documents=documents))


def end(story: Story, to_come: Sequence[Corpus]) -> None:
    """The folder is the user's from now on."""
    story.playground.finish()
    seconds = time.monotonic() - story.started
    nights = [
        (f"nightshift update nights/{corpus.folder}", f"to come: {corpus.what}")
        for corpus in to_come
    ]
    screen.next_steps(
        story.playground.root,
        [
            ('nightshift search "run a command" --explain', "ask it something"),
            *nights,
            ("nightshift experts", "who serves what, and what it gained"),
            ("nightshift show 3", "a night with all its figures"),
            ("nightshift verify", "read every byte that a version needs"),
        ],
    )
    screen.say(f"\n[dim]the demo took {seconds // 60:.0f} min {seconds % 60:.0f} s[/dim]")
    story.page["seconds"] = seconds
