"""`peft`: the experts' adapters, each a folder that `PeftModel.from_pretrained` loads."""

from __future__ import annotations

from pathlib import Path

from flows.live import Live
from flows.modules import method_of
from nightshift.errors import NothingToDo, UsageError
from nightshift.exports.base import Told, plain_encoder_only, serving
from pipeline.experts.methods import OF_PEFT
from state.folder import copy_file

PAGE = """\
{table}

Each folder holds `adapter_config.json` and `adapter_model.safetensors` and is loaded onto the
encoder named below; `ENCODER` is its folder (`nightshift export sentence-transformers` writes one):

```python
from peft import PeftModel
from transformers import AutoModel

expert = PeftModel.from_pretrained(AutoModel.from_pretrained(ENCODER), "{first}")
```

With the encoder's own pooling this is the expert's side of a query alone, e(q). {composed}
{heads}"""
HEADS = """
A head is not an adapter: `head.safetensors` lies beside it, of which peft takes no notice, with
g(x) = normalise(x + W2 relu(W1 x + b1) + b2) as `w1`, `b1`, `w2`, `b2`.
"""


def write(live: Live, folder: Path, expert: str | None) -> Told:
    """The store keeps experts that peft makes in its own format; they are copied."""
    plain_encoder_only("peft", live)
    names = [one for one in serving(live, expert) if _is_an_adapter(live, one)]
    if expert is not None and not names:
        method = live.modules.experts[expert].method
        raise UsageError(
            f"{expert} is a {method} expert, which peft does not know",
            hint="nightshift export vectors --out FOLDER",
        )
    if not names:
        raise NothingToDo(f"no expert of version {live.manifest.version} is an adapter of peft")
    stored, heads = live.modules.stored, ""
    for name in names:
        parts = [f"expert/{name}", f"head/{name}"]
        (folder / name).mkdir()
        for part in (stored[part] for part in parts if part in stored):
            for file in sorted(live.store.objects.open(part).iterdir()):
                copy_file(file, folder / name / file.name)
        heads = HEADS if f"head/{name}" in stored else heads
    page = PAGE.format(
        table=_table(live, names), first=names[0], composed=composed(live), heads=heads
    )
    return Told(f"{len(names)} {'adapter' if len(names) == 1 else 'adapters'}", page)


def _is_an_adapter(live: Live, expert: str) -> bool:
    return method_of(live.modules.experts[expert]) in OF_PEFT.values()


def composed(live: Live) -> str:
    """What the product makes of an expert's side of a query."""
    if live.modules.compose == "blend":
        return (
            "This store blends: that is the vector which nightshift searches with where a query "
            "goes to this expert alone."
        )
    return (
        "nightshift itself searches with the half of it, normalise(f(q) + e(q)), where f is the "
        "frozen encoder, and several experts on one route are averaged."
    )


def _table(live: Live, names: list[str]) -> str:
    lines = ["| folder | method | serves | weights |", "|---|---|---|---|"]
    for name in names:
        facts = live.modules.experts[name]
        served = [k.name for k in live.modules.kinds.values() if k.expert == name]
        told = ", ".join(" ".join(one.split()).replace("|", "/") for one in served)
        lines.append(f"| `{name}` | {facts.method} | {told} | {facts.parameters:,} |")
    return "\n".join(lines)
