"""What `nightshift doctor` looks at; each file has the checks of one neighbour."""
