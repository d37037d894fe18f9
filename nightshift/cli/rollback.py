"""`nightshift rollback`: take a night back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_rollback
from nightshift.errors import NothingToDo, UsageError

if TYPE_CHECKING:
    from state.store import Store


def rollback(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; history keeps it.")],
    version: Annotated[
        int | None, typer.Argument(help="Whose modules to bring back; default: the one before.")
    ] = None,
    to_alias: Annotated[
        str | None,
        typer.Option("--to-alias", help='The version that MLflow calls so, such as "champion".'),
    ] = None,
    documents: Annotated[
        bool, typer.Option("--documents", help="Bring back the documents too, bit for bit.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would change, change nothing.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Publish a new version with an old one's experts, router and detector."""
    from flows.rollback import rollback as take_back
    from state.store import Store

    opened = Store.open(store)
    if to_alias is not None:
        version = _called(to_alias, opened, version)
    done = take_back(opened, version, reason, documents=documents, dry_run=dry_run)
    if as_json:
        output.print_json(done.as_json())
    else:
        tell_rollback(done)
    if not dry_run:
        tell_mlflow(opened)


def _called(alias: str, store: Store, version: int | None) -> int:
    """The version that MLflow calls so, unless that is live already."""
    from flows.alias import version_called

    if version is not None:
        raise UsageError(
            "a version and an alias are two answers to one question",
            hint=f"nightshift rollback --to-alias {alias} --reason WHY",
        )
    called = version_called(alias, store)
    if called == store.head().version:
        raise NothingToDo(f"version {called}, the {alias}, is live", hint="nightshift history")
    return called
