"""The HTTP service: `nightshift serve`. It parses, asks and answers; nothing is decided here."""
