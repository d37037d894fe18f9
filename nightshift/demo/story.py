"""The demo, act by act: a first corpus, four nights, the history, and the way back.

Every act types a command for the user, runs what the command runs, and tells what came of it. No
decision and no figure is known beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.bootstrap import bootstrap
from flows.evaluate import gain
from flows.live import Live, open_live
from flows.night import Night, update
from flows.rollback import Rollback
from flows.rollback import rollback as take_back
from flows.settings import Settings
from nightshift.cli import history, output
from nightshift.cli.output import plain
from nightshift.cli.told import tell_nights, tell_rollback
from nightshift.demo import screen
from nightshift.demo.asking import Hits, changes, held_out, hits
from nightshift.demo.corpora import Corpus, corpora
from nightshift.demo.delivery import write_batch
from nightshift.demo.playground import Playground
from pipeline.judged import JudgedQuery
from state.store import Store

LIVED = 4
"""Nights that the demo lives through; the later ones are left for the user."""
TRAIN_MINUTES = 3.0
LEGAL = "provided as is, without warranty of any kind"
SHOWN = 3


@dataclass
class Story:
    """What happens in one folder; `page` collects it for `--json`."""

    playground: Playground
    started: float = field(default_factory=time.monotonic)
    page: dict[str, Any] = field(default_factory=dict)

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
    waiting(story)
    grown(story)
    back(story)
    end(story, arriving[1 + LIVED :])
    return story.page


def texts(story: Story) -> list[Corpus]:
    """Find the texts and leave them in the folder, as their owners would deliver them."""
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
    screen.command(f"nightshift init --corpus nights/first --train-minutes {TRAIN_MINUTES:.0f}")
    with output.progress() as progress:
        night = bootstrap(
            story.playground.store,
            [story.playground.nights / "first"],
            settings=Settings(train_minutes=TRAIN_MINUTES),
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
    screen.command(f"nightshift update nights/{corpus.folder}")
    with output.progress() as progress:
        nights = update(story.store, [story.night(number)], progress=progress)
    tell_nights(nights)
    screen.strangeness(story.store.manifest().facts["detection"])
    story.page.setdefault("nights", []).append(nights[0].as_json())
    return nights[0]


def compare(story: Story, number: int) -> None:
    """Held-out questions of the night, with the expert and by the encoder alone."""
    screen.command(f"nightshift evaluate nights/night-{number}   # and once more with --frozen")
    with story.open() as live:
        found = gain(live, story.night(number))
    screen.difference(found)
    story.page.setdefault("gains", {})[f"night-{number}"] = found


def search(story: Story, number: int) -> None:
    """The question whose answer the expert moved most, before and after."""
    asked = held_out([story.night(number)])
    with story.open() as live:
        moved = changes(live, asked)
        most = max(moved, key=lambda change: change.ranks_won)
        question = [asked[moved.index(most)]]
        before = hits(live, question, SHOWN, frozen=True)[0]
        after = hits(live, question, SHOWN)[0]
    screen.movement(moved)
    screen.say("The one that moved most:")
    screen.command(f'nightshift search "{most.question}"')
    screen.side_by_side(most, before, after)
    story.page["search"] = vars(most)


def waiting(story: Story) -> None:
    """What waits for more of its kind is searchable at once."""
    screen.command(f'nightshift search "{LEGAL}"')
    with story.open() as live:
        answers = live.retriever.ask([LEGAL], 1)
        document = live.library.document(answers.found[0][0].number)
    screen.say(f"1  {plain(document.id)}: {plain(document.text, 60)}")
    screen.say("[dim]what waits for more of its kind is found at once all the same[/dim]")


def grown(story: Story) -> None:
    screen.heading("How it grew")
    screen.command("nightshift history")
    history.history(store=story.playground.store)
    story.page["versions"] = len(story.store.history())


def back(story: Story) -> None:
    """Two ways back: the experts alone, and everything bit for bit."""
    screen.heading("The way back")
    asked = held_out([story.night(number) for number in range(1, LIVED)])
    latest = story.store.manifest().version
    with story.open() as live:
        as_it_was = hits(live, asked)
        alone = hits(live, asked, frozen=True)
    _modules(story, asked, alone)
    _everything(story, asked, as_it_was, latest)


def _modules(story: Story, asked: Sequence[JudgedQuery], alone: Hits) -> None:
    """The experts of version 1 are none: the encoder alone must answer, on today's documents."""
    _take_back(story, 1, "a look back", documents=False)
    with story.open() as live:
        now = hits(live, asked)
    screen.say(_same(now, alone, "the encoder alone found with the expert still there"))
    story.page["modules_taken_back"] = now == alone


def _everything(story: Story, asked: Sequence[JudgedQuery], as_it_was: Hits, version: int) -> None:
    _take_back(story, version, "all of it again", documents=True)
    with story.open() as live:
        now = hits(live, asked)
    screen.say(_same(now, as_it_was, f"in version {version}, bit for bit"))
    story.page["everything_taken_back"] = now == as_it_was


def _take_back(story: Story, to: int, reason: str, *, documents: bool) -> Rollback:
    flag = " --documents" if documents else ""
    screen.command(f'nightshift rollback {to}{flag} --reason "{reason}"')
    done = take_back(story.store, to, reason, documents=documents)
    tell_rollback(done)
    return done


def _same(now: Hits, then: Hits, what: str) -> str:
    same = sum(a == b for a, b in zip(now, then, strict=True))
    colour = "green" if same == len(then) else "red"
    return (
        f"[{colour}]{same} of {len(then)} questions[/{colour}]: the same hits and scores as {what}"
    )


def end(story: Story, to_come: Sequence[Corpus]) -> None:
    """The folder is the user's from now on."""
    story.playground.finish()
    seconds = time.monotonic() - story.started
    nights = [
        (f"nightshift update nights/{corpus.folder}", f"a night to come: {corpus.what}")
        for corpus in to_come
    ]
    screen.next_steps(
        story.playground.root,
        [
            ('nightshift search "copy a whole directory tree" --explain', "ask it something"),
            *nights,
            ("nightshift experts", "who serves what, and what it gained"),
            ("nightshift show 3", "a night with all its figures"),
            ("nightshift verify", "read every byte that a version needs"),
        ],
    )
    screen.say(f"\n[dim]the demo took {seconds // 60:.0f} min {seconds % 60:.0f} s[/dim]")
    story.page["seconds"] = seconds
