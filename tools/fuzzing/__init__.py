"""The parts of tools/fuzz.py: what it throws at steep, and what it expects to come back."""
