"""Regressions: what a scenario gave once is kept as a baseline, and what it gives now is held against it.

settings      what a run depended on, said by the scenario or filled in
baseline      the file that keeps a run's fingerprints and figures
gates         fingerprint, summary, statistics: three ways to look at what moved
reports       a verification as a JSON document, as JUnit XML, as annotations, as Markdown
"""
