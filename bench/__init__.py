"""Drives and measures: scenario files, runs, statistics, results, pictures, the command line."""
