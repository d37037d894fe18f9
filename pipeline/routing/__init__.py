"""How similarities to kinds become weights: a rule a file, and one battery of tests for all."""
