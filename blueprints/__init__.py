"""The slices: one folder for each domain, found at start-up."""
