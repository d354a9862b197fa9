"""Sweeps: a scenario again and again, each time with other values, and what that shows.

`plan` makes the cells, `run` simulates them on all cores, `cluster` on other machines; `kept` remembers what is done,
`knee` says where to look closer, `results` is what comes of it.
"""
