"""What no one wrote: broken exports, as they turn up in real deliveries. Made from a fixed seed.

These are the only texts of the demo that are made up.
"""

from __future__ import annotations

import base64
import random

from nightshift.demo.texts import Text

OF_EACH = 4
BYTES = 600
SENTENCE = "This page is being rebuilt, please come back later. "


def broken() -> list[Text]:
    """Random bytes read as Latin-1, a file in base64, a sentence over and over."""
    chance = random.Random("nightshift")
    texts = []
    for number in range(1, OF_EACH + 1):
        noise = chance.randbytes(BYTES)
        texts += [
            Text(f"broken/bytes-{number}", noise.decode("latin-1")),
            Text(f"broken/base64-{number}", base64.b64encode(noise).decode()),
            Text(f"broken/repeated-{number}", SENTENCE * (40 + number)),
        ]
    return texts
