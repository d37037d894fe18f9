"""What a store holds, in the formats of other libraries: a format a file, told in formats.py."""
