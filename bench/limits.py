"""Bounds on what a stranger's file can make large, all of them, so that one look shows what a hostile input can cost.

A scenario is written by hand and is a page or two long. Each bound lies far above what such a file needs and far below
what would hurt: within all of them, reading any input at all takes less than half a second and little memory.
"""

FILE_BYTES_MAX = 1 << 20
"""Bytes of a scenario file (1 MiB). Everything else that reading costs is linear in it."""

LINES_MAX = 50_000
"""Lines of a scenario file. The TOML parser's work on an empty line is that on fifty characters elsewhere."""

NESTING_DEPTH_MAX = 32
"""How deep a value may lie: names and indices on its path from the root. The TOML parser recurses once for each
bracket, walks the whole path for each key, and its work on one key grows with the square of its parts."""

NUMBER_DIGITS_MAX = 400
"""Digits of one number: more than any float has, the largest has 309 before its point. Converting n digits takes time
that grows with n squared, and from 4,300 on Python refuses with an error of its own."""

ENTRIES_MAX = 20_000
"""Parts of keys and elements of arrays in one file. Each becomes a few objects in memory, and one error at worst."""

STRING_CHARACTERS_MAX = 10_000
"""Characters of one string or one part of a key, as written. A longer text is no name, question or path."""

ASSIGNMENT_CHARACTERS_MAX = 100_000
"""Characters of one `--set path=value`; about what a system takes as one argument."""

ASSIGNMENTS_MAX = 1_000
"""Assignments (`--set`) of one command. Each copies the tables and lists on its way."""

PROBLEMS_SHOWN_MAX = 50
"""Problems that are printed; the others are counted. Beyond, a reader looks for what they have in common."""

NAMES_SHOWN_MAX = 40
"""Known names that one message lists."""

SUGGESTION_CHARACTERS_MAX = 60
"""Longest name for which a similar one is looked for: comparing takes time that grows with the square of the length."""

SUGGESTION_NAMES_MAX = 500
"""Known names that are compared with an unknown one."""
