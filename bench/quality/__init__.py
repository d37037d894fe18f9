"""Quality over a stream of nights: every system lives through the same ones."""
