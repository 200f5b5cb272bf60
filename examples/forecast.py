"""Forecast the next day of an hourly series by an LSTM, and compare with what needs no network.

    python examples/forecast.py

The series is made, not measured: a year and a half of hourly demand with a daily shape, quieter
weekends, a yearly wave, weather that lasts for a day or two, and noise. So it is known how good a
forecast can be at best. The LSTM reads the last three days, hour by hour, each with its place in
day and week, and forecasts the next 24 hours. It has to beat the two seasonal forecasts: the same
hour of the day before, and of the week before. The last fifth of the series is kept for the test,
the fifth before it for validation; the weights of the best validation loss are restored.

Prints the root mean squared error of each forecast, and writes to --output: `curve.png` (the
learning curve), `forecast.png` (a week of forecasts, each made at midnight) and `horizon.png` (the
error by how far ahead it is).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import steep
from steep import Tensor, nn
from steep.data import DataLoader, TensorDataset
from steep.train import EarlyStopping

DAY, WEEK = 24, 7 * 24
PAST, AHEAD = 3 * DAY, DAY  # Hours that the LSTM reads, and those that it forecasts.
# The weather of an hour is LASTING times that of the hour before, and something new.
LASTING, NEW_WEATHER, NOISE = 0.97, 0.9, 1.0


@dataclass
class History:
    """The learning curve: one entry an epoch, in the series' units squared."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)


def effect_of_weather(hours: np.ndarray) -> np.ndarray:
    """By how much the weather counts: more by day than by night."""
    return np.where(hours % DAY >= 7, 1.0, 0.6)


def make_series(days: int, seed: int) -> np.ndarray:
    """The demand of each hour, in no real unit: between some 20 and 80."""
    draw = np.random.default_rng(seed)
    hours = np.arange(days * DAY)
    of_day, of_week = hours % DAY, hours // DAY % 7
    morning = np.exp(-(((of_day - 8.5) / 2.5) ** 2))
    evening = np.exp(-(((of_day - 19) / 3.5) ** 2))
    weekend = of_week >= 5
    shape = np.where(weekend, 8 * evening + 5 * morning, 12 * evening + 14 * morning)
    yearly = 8 * np.sin(2 * np.pi * hours / (365 * DAY))
    weather = np.zeros(len(hours))
    for hour in range(1, len(hours)):
        weather[hour] = LASTING * weather[hour - 1] + NEW_WEATHER * draw.normal()
    noise = NOISE * draw.normal(size=len(hours))
    return 40 + shape + yearly + effect_of_weather(hours) * weather + noise


def inputs(series: np.ndarray) -> np.ndarray:
    """What the LSTM reads of each hour, [hours, 5]: demand, and the place in day and week."""
    hours = np.arange(len(series))
    angle = 2 * np.pi * hours / DAY
    weekend = [(hours + ahead) // DAY % 7 >= 5 for ahead in (0, AHEAD)]
    return np.stack([series, np.sin(angle), np.cos(angle), *weekend], axis=1).astype(np.float32)


def windows(series: np.ndarray, first: int, end: int) -> TensorDataset:
    """All pairs of a past, [N, 72, 5], and the 24 hours after it, which lie in first...end."""
    starts = np.arange(first, end - AHEAD + 1)[:, None]
    past = inputs(series)[starts + np.arange(-PAST, 0)]
    day = series[starts + np.arange(AHEAD)].astype(np.float32)
    return TensorDataset(steep.from_numpy(past), steep.from_numpy(day))


def seasonal(series: np.ndarray, first: int, end: int, period: int) -> Tensor:
    """For the same hours the forecast that each is as it was a period before, [N, 24]."""
    starts = np.arange(first, end - AHEAD + 1)[:, None]
    return steep.from_numpy(series[starts + np.arange(AHEAD) - period].astype(np.float32))


class Forecaster(nn.Module):
    """Pasts [N, 72, 5] to days [N, 24]: an LSTM, and a linear layer that reads its last state."""

    def __init__(self, centre: float, scale: float, width: int = 48) -> None:
        super().__init__()
        self.centre, self.scale = centre, scale
        self.lstm = nn.LSTM(5, width, batch_first=True)
        self.head = nn.Linear(width, AHEAD)

    def forward(self, past: Tensor) -> Tensor:
        demand = (past[:, :, :1] - self.centre) / self.scale
        _, (last, _) = self.lstm(steep.cat([demand, past[:, :, 1:]], dim=2))
        return self.centre + self.scale * self.head(last[0])


def forecast(model: nn.Module, pasts: Tensor) -> Tensor:
    """The model's forecasts of the days after these pasts."""
    model.eval()
    with steep.no_grad():
        return steep.cat([model(part) for part in pasts.split(512)])


def train(
    model: nn.Module, training: TensorDataset, validation: TensorDataset, *, epochs: int
) -> History:
    """Train along half a cosine; the model ends with the weights of the best validation loss."""
    from tqdm import tqdm

    loader = DataLoader(training, batch_size=64, shuffle=True, drop_last=True)
    optimizer = steep.optim.Adam(model.parameters(), lr=5e-3)
    schedule = steep.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))

    @steep.compile
    def step(past: Tensor, day: Tensor) -> float:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(past), day)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        return loss.item()

    history, best = History(), EarlyStopping(model, patience=epochs)
    pasts, days = validation.tensors
    with tqdm(range(epochs), desc="training", unit="epoch") as bar:
        for _ in bar:
            started = time.perf_counter()
            model.train()
            losses = []
            for batch in loader:
                losses.append(step(*batch))
                schedule.step()
            pace = len(losses) / (time.perf_counter() - started)
            loss = nn.functional.mse_loss(forecast(model, pasts), days).item()
            best.step(loss)
            history.train_loss.append(sum(losses) / len(losses))
            history.validation_loss.append(loss)
            bar.set_postfix_str(
                f"loss {history.train_loss[-1]:.3f}, validation {loss:.3f}, {pace:,.0f} steps/s"
            )
    best.restore()
    return history


def errors_ahead(predicted: Tensor, days: Tensor) -> np.ndarray:
    """Root mean squared error 1, 2, ... 24 hours ahead."""
    return (predicted - days).square().mean(dim=0).sqrt().numpy()


def least_errors(origins: np.ndarray) -> np.ndarray:
    """What no forecast can go below: noise, and weather that comes after hour `origins`.

    The error of who knows all but the future. A sum of independent terms: of weather k hours
    ahead, LASTING ** (2 * (k - 1)) of the variance of what is new in the first hour, and so on.
    """
    ahead = np.arange(1, AHEAD + 1)
    new = NEW_WEATHER**2 * np.cumsum(LASTING ** (2.0 * (ahead - 1)))
    effect = effect_of_weather(origins[:, None] + ahead)
    return np.sqrt((effect**2).mean(axis=0) * new + NOISE**2)


def rms(errors: np.ndarray) -> float:
    """One figure of errors at all distances."""
    return float(np.sqrt((errors**2).mean()))


def draw_curve(history: History, path: Path) -> None:
    """Training and validation loss by epoch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    epochs = range(1, len(history.train_loss) + 1)
    axes.plot(epochs, history.train_loss, label="training loss")
    axes.plot(epochs, history.validation_loss, label="validation loss")
    axes.set(xlabel="epoch", ylabel="mean squared error", yscale="log", title="Forecast")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_forecast(days: Tensor, forecasts: dict[str, Tensor], first: int, path: Path) -> None:
    """Up to seven days, and what was forecast of each at the midnight before it.

    Row `first` of `days` begins at midnight.
    """
    import matplotlib.pyplot as plt

    rows = list(range(first, len(days), DAY))[:7]
    hours = np.arange(len(rows) * DAY) / DAY
    figure, axes = plt.subplots(figsize=(11, 4.5))
    axes.plot(hours, days.numpy()[rows].ravel(), color="black", linewidth=1, label="what came")
    for name, predicted in forecasts.items():
        axes.plot(hours, predicted.numpy()[rows].ravel(), linewidth=1.5, label=name)
    for day in range(1, len(rows)):
        axes.axvline(day, color="grey", linewidth=0.5, linestyle=":")
    axes.set(xlabel="day", ylabel="demand", title="Each day forecast at the midnight before it")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_horizon(errors: dict[str, np.ndarray], path: Path) -> None:
    """The error of each forecast by how far ahead it is."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    for name, error in errors.items():
        style = ":" if name == "at best" else "-"
        axes.plot(range(1, AHEAD + 1), error, label=name, linestyle=style)
    axes.set(xlabel="hours ahead", ylabel="root mean squared error", ylim=(0, None))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the whole example."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path("forecast-output"))
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--days", type=int, default=550, help="length of the series")
    parser.add_argument("--seed", type=int, default=0, help="of the series and the network")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)

    import matplotlib

    matplotlib.use("Agg")
    steep.manual_seed(arguments.seed)
    series = make_series(arguments.days, arguments.seed)
    fifth = arguments.days // 5 * DAY
    end = len(series)
    validation_start, test_start = end - 2 * fifth, end - fifth
    known = series[:validation_start]
    training = windows(series, PAST, validation_start)
    validation = windows(series, validation_start, test_start)
    test = windows(series, test_start, end)

    model = Forecaster(float(known.mean()), float(known.std()))
    size = sum(p.numel() for p in model.parameters())
    print(f"{size:,} parameters, {len(training):,} pairs of a past and a day to train on")
    started = time.perf_counter()
    history = train(model, training, validation, epochs=arguments.epochs)
    print(f"trained {arguments.epochs} epochs in {time.perf_counter() - started:.1f} s")

    pasts, days = test.tensors
    forecasts = {
        "as the day before": seasonal(series, test_start, end, DAY),
        "as the week before": seasonal(series, test_start, end, WEEK),
        "LSTM": forecast(model, pasts),
    }
    errors = {name: errors_ahead(predicted, days) for name, predicted in forecasts.items()}
    origins = test_start - 1 + np.arange(len(test))
    errors["at best"] = least_errors(origins)
    for name, error in errors.items():
        print(f"{name}: root mean squared error {rms(error):.2f}")

    draw_curve(history, arguments.output / "curve.png")
    shown = {name: forecasts[name] for name in ("as the day before", "LSTM")}
    draw_forecast(days, shown, -test_start % DAY, arguments.output / "forecast.png")
    draw_horizon(errors, arguments.output / "horizon.png")
    print(f"see {arguments.output}/")
    naive = min(rms(errors["as the day before"]), rms(errors["as the week before"]))
    if arguments.epochs >= 15 and rms(errors["LSTM"]) >= naive:
        raise SystemExit("the LSTM is no better than a forecast that needs no training")


if __name__ == "__main__":
    main()
