"""What replications say together: intervals over one number each, paired comparisons, and where the warm-up ends."""
