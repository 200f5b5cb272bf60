"""Operations made of others, written in Python: those that no training step waits for."""
