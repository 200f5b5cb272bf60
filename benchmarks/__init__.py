"""Benchmarks: `rows` feeds the pytest-benchmark suite, `figures` prints the figures beside torch's.

Rivals are optional: what is not installed is left out. Each library runs in a process of its own,
in turn with the others, and never at the same time; a ratio is taken pair by pair.
"""
