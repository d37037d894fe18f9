"""One expert out of several: a method a file, and one battery of tests for all."""
