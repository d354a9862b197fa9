"""Two or more results against each other: the first is the baseline, each of the others a contender.

`sides` reads or runs what is compared, `settings` says how it was set otherwise, `matching` finds what has a
counterpart, `judging` compares and counts, `document` says it all in JSON, and `folder` keeps it. The statistics are
those of `bench.statistics.comparing`.
"""
