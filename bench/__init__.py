"""What things cost: programs to run by hand, each figure a ratio against a baseline of the same run."""
