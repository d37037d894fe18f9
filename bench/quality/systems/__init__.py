"""The systems that live through the same nights, one a file."""
