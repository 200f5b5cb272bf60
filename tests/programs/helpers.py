"""A file of a user's own, with settings and functions that programs import."""

from __future__ import annotations

import steep

SCALE = 2.0
EPSILON = 1e-3
TEMPERATURES = [1.0, 0.5]
OPTIONS = {"weight": 0.25, "reduction": "mean"}
CENTRE = steep.zeros(4)


class Settings:
    """Class attributes as settings."""

    margin = 0.5
    use_margin = True


def scale(x):
    return x * SCALE


def smooth_l1(prediction, target):
    difference = (prediction - target).abs()
    small = 0.5 * difference**2 / SCALE
    return steep.where(difference < SCALE, small, difference - 0.5 * SCALE).mean()


def penalty(parameters):
    return OPTIONS["weight"] * sum((p**2).sum() for p in parameters)


def hinge(scores):
    if Settings.use_margin:
        return (Settings.margin - scores).clamp(min=0).mean()
    return (-scores).mean()


def nested(x):
    return scale(x) + EPSILON


def centred(x):
    return x - CENTRE


def activation(x):
    return steep.relu(x)
