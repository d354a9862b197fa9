"""From a scenario file, or what was typed with `--set`, to values that are known to be good, or to every problem with
its place.
"""
