"""The whole thing on one machine: what `nightshift up` starts, watches and ends."""
