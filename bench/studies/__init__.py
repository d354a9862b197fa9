"""Questions that no single scenario can answer: a grid of runs, and one picture of it."""
