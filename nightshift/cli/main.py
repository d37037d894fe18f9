"""The command `nightshift`: a verb a file, one sentence when something is wrong."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from typer.exceptions import Exit, TyperException

from nightshift import __version__
from nightshift.cli import (
    approve,
    bench,
    bring,
    clicks,
    compact,
    config,
    consolidate,
    demo,
    diff,
    doctor,
    evaluate,
    experts,
    export,
    gc,
    history,
    init,
    log,
    migrate,
    output,
    pin,
    purge,
    retire,
    rollback,
    schedule,
    search,
    serve,
    teach,
    tune,
    up,
    update,
    verify,
)
from nightshift.errors import NightshiftError, printable

INTERRUPTED = 130
app = typer.Typer(
    name="nightshift",
    help="A retrieval index that learns at night, proves it, and can be taken back.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Begin": {
        "demo": demo.demo,
        "init": init.init,
        "import": bring.bring,
    },
    "Nights": {
        "update": update.update,
        "up": up.up,
        "clicks": clicks.clicks,
        "teach": teach.teach,
        "approve": approve.approve,
        "reject": approve.reject,
    },
    "Searches": {
        "search": search.search,
        "serve": serve.serve,
        "evaluate": evaluate.evaluate,
        "export": export.export,
    },
    "What became of it": {
        "history": history.history,
        "show": history.show,
        "diff": diff.diff,
        "experts": experts.experts,
        "log": log.log,
        "config": config.config,
        "doctor": doctor.doctor,
    },
    "Another encoder": {
        "tune": tune.tune,
        "migrate": migrate.migrate,
    },
    "The way back, and fewer experts": {
        "rollback": rollback.rollback,
        "retire": retire.retire,
        "consolidate": consolidate.consolidate,
    },
    "The store": {
        "verify": verify.verify,
        "pin": pin.pin,
        "unpin": pin.unpin,
        "gc": gc.gc,
        "compact": compact.compact,
        "purge": purge.purge,
    },
}
"""By the headings that `nightshift --help` shows them under."""
for heading, verbs in COMMANDS.items():
    for name, verb in verbs.items():
        app.command(name, rich_help_panel=heading)(verb)
app.add_typer(schedule.app, name="schedule", rich_help_panel="Nights")
app.add_typer(bench.app, name="bench", rich_help_panel="Evidence")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"nightshift {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Exit codes: 0 done, 1 failed, 2 usage, 3 nothing to do, 5 store busy, 6 store damaged."""


def run() -> None:
    """Run the command; say what went wrong in one sentence, with the command to type next."""
    _quiet()
    try:
        code = app(standalone_mode=False)
    except Exit as leaving:
        code = leaving.exit_code
    except TyperException as error:
        error.show()  # type: ignore[attr-defined]  # every one that typer raises has it
        code = error.exit_code
    except NightshiftError as error:
        _explain(error, error.message, error.hint)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        _explain(error, *_refused(error))
        code = 1
    except Exception as error:
        _explain(error, f"{type(error).__name__}: {error}", "the same command with --debug")
        code = 1
    if code == INTERRUPTED:
        output.err.print("interrupted; the store is as it was. Type the same command again.")
    sys.exit(code if isinstance(code, int) else 0)


def _refused(error: OSError) -> tuple[str, str]:
    """What the machine would not do; a night that it stopped is as if it had not begun."""
    said = error.strerror or str(error)
    sentence = f"{error.filename}: {said}" if error.filename else said
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{sentence}; the live version is whole", "nightshift gc, then the same command"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{sentence}; the live version is whole", "the same command, where it may write"
    return sentence, "the same command with --debug"


def _explain(error: Exception, sentence: str, hint: str | None) -> None:
    if output.debugging:
        raise error
    output.err.print(f"error: {printable(sentence)}", markup=False)
    if hint:
        output.err.print(f"  try: {printable(hint)}", markup=False)


def _quiet() -> None:
    """Libraries that talk to stderr or to the network are told not to, before they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


if __name__ == "__main__":
    run()
