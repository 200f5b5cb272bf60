"""What a diagnosis finds, and how it is told: `Finding`, `TrainingWarning`, `TrainingError`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding", "TrainingError", "TrainingWarning"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a training.

    Attributes:
        code: which kind, such as ``'missing-zero-grad'``; docs/diagnose.md lists them.
        layer: dotted name of the layer or parameter; ``''`` where it concerns the whole training.
        evidence: what was seen, in numbers.
        mend: what to change.
        step: how many batches had been seen when it was found; 0 without a training.

    Example:
        >>> import steep
        >>> print(steep.diagnose.Finding("non-finite", "2.fc", "12 NaN", "a lower lr", 7))
        non-finite in 2.fc (step 7): 12 NaN. Mend: a lower lr.
    """

    code: str
    layer: str
    evidence: str
    mend: str
    step: int = 0

    def __str__(self) -> str:
        where = f" in {self.layer}" if self.layer else ""
        when = f" (step {self.step})" if self.step else ""
        return f"{self.code}{where}{when}: {self.evidence}. Mend: {self.mend}."


class TrainingWarning(UserWarning):
    """The warning that a `Finding` is told by; `finding` holds it."""

    def __init__(self, finding: Finding | str = "") -> None:
        super().__init__(str(finding))
        self.finding = finding if isinstance(finding, Finding) else None


class TrainingError(TrainingWarning, RuntimeError):
    """What a strict `Sanitizer` raises in the place of a `TrainingWarning`."""
