"""Benchmarks, for people and for the pytest-benchmark suite.

`compare` prints the training steps and operations that steep promises beside torch and JAX,
`figures` what it promises of single operations, products, import and size, `loading` epochs of the
loader; `levels` compares the instruction sets of one build. All take their work from `workloads`
and `loads` (data and costs), `jobs` (steep and torch) and `jax_jobs`. The suite times what the
table of cases says (tests/cases/bench.py).

Rivals are optional: what is not installed is left out. Each library runs in a process of its own,
in turn with the others, and never at the same time; a ratio is taken pair by pair.
"""
