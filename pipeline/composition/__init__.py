"""How a query's route becomes one vector: a way a file, and one battery of tests for all."""
