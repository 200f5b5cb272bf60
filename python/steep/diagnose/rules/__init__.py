"""The rules of the sanitiser: a class for each thing to look for, with its thresholds."""

from steep.diagnose._events import Context, Rule
from steep.diagnose.rules.activations import ActivationBeforeLoss, DeadUnits, SaturatedUnits
from steep.diagnose.rules.broadcast import SilentBroadcast
from steep.diagnose.rules.gradients import GradientsByLayer
from steep.diagnose.rules.inputs import BatchesBySort, BatchFirst, InputScale
from steep.diagnose.rules.leaks import LeakedRows
from steep.diagnose.rules.loop import IdleOptimizer, MissingZeroGrad
from steep.diagnose.rules.modes import Modes
from steep.diagnose.rules.nonfinite import FirstNonFinite
from steep.diagnose.rules.outcome import unanswered
from steep.diagnose.rules.parameters import HiddenLayers, Sharing, Symmetry, Unreached
from steep.diagnose.rules.progress import AtChance, HiddenImbalance, Rising
from steep.diagnose.rules.rates import CollapsedRate, LearningRate
from steep.diagnose.rules.scale import TargetScale
from steep.diagnose.rules.targets import OutputRange, Targets

__all__ = ["CLOSE", "LONG", "make", "unanswered"]

# What looks at layers and gradients, for the first steps; and what needs many losses, and little
# of each.
CLOSE: tuple[type[Rule], ...] = (
    ActivationBeforeLoss,
    BatchFirst,
    BatchesBySort,
    DeadUnits,
    GradientsByLayer,
    HiddenLayers,
    IdleOptimizer,
    InputScale,
    LearningRate,
    MissingZeroGrad,
    OutputRange,
    SaturatedUnits,
    Sharing,
    SilentBroadcast,
    Symmetry,
    Targets,
    Unreached,
)
LONG: tuple[type[Rule], ...] = (
    *(FirstNonFinite, AtChance, CollapsedRate, HiddenImbalance, LeakedRows, Modes, Rising),
    TargetScale,
)


def make(kinds: tuple[type[Rule], ...], context: Context) -> list[Rule]:
    """A rule of each kind, for one training."""
    return [kind(context) for kind in kinds]
