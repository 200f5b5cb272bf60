"""`steep train` beside scikit-learn's MLP on three real tables, with the same test rows.

    python -m benchmarks.tables [--seeds 5] [--only NAME]

Breast cancer and diabetes are those that scikit-learn ships. The passengers of the Titanic (text
columns, missing values) are those of OpenML's data set 40945, which scikit-learn's own tests ship;
`boat` and `body` are left out, since they tell who survived. Each seed splits anew. scikit-learn's
network gets standardised numbers with medians for missing ones, indicator columns for text, a
standardised target, and the validation rows to learn from as well; it is tried as it is by default
and with `early_stopping`. The last column is steep's gain over the better of the two, with the
standard error over the seeds.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

TARGETS = {"breast_cancer": "target", "diabetes": "target", "titanic": "survived"}
LEFT_OUT = {"titanic": ["boat", "body"]}


def write_table(name: str, path: Path) -> None:
    """Write a table as CSV."""
    if name != "titanic":
        from sklearn import datasets

        getattr(datasets, f"load_{name}")(as_frame=True).frame.to_csv(path, index=False)
        return
    import sklearn

    folder = Path(sklearn.__file__).parent / "datasets/tests/data/openml/id_40945"
    text = gzip.decompress((folder / "data-v1-dl-16826755.arff.gz").read_bytes()).decode()
    head, _, body = text.partition("@data\n")
    words = (line.split(None, 2) for line in head.splitlines())
    names = [parts[1].strip("'\"") for parts in words if parts and parts[0] == "@attribute"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in csv.reader(io.StringIO(body)):
            writer.writerow(["" if value == "?" else value for value in row])


def steeps(path: Path, name: str, seed: int, scores: list[str]) -> dict[str, float]:
    """The scores of the command, run as a user runs it."""
    from steep import models

    model = path.with_suffix(".steep")
    drop = [word for column in LEFT_OUT.get(name, []) for word in ("--drop", column)]
    command = [sys.executable, "-c", "from steep.cli import main; raise SystemExit(main())"]
    command += ["train", str(path), "--target", TARGETS[name], "-o", str(model), "--quiet"]
    subprocess.run([*command, "--seed", str(seed), *drop], check=True, stdout=subprocess.DEVNULL)
    report = models.load(model).info["report"]
    return {score: report["scores"]["network"][score] for score in scores}


def theirs(path: Path, name: str, seed: int, scores: list[str]) -> list[dict[str, float]]:
    """The scores of scikit-learn's networks on the same test rows: by default, and stopping."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline

    from steep.cli.tables.reading import read_problem, share_out
    from steep.cli.tables.scores import score_classes, score_numbers

    problem = read_problem(str(path), TARGETS[name], None, LEFT_OUT.get(name, []))
    parts = share_out(problem, (0.15, 0.15), seed, None)
    known = np.concatenate([parts.training, parts.validation])
    x, x_test = problem.frame.iloc[known], problem.frame.iloc[parts.test]
    y, y_test = problem.values.iloc[known].to_numpy(), problem.values.iloc[parts.test].to_numpy()
    tried = []
    for stops in (False, True):
        options: dict[str, Any] = {"random_state": seed, "max_iter": 500, "early_stopping": stops}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if problem.task == "classification":
                model = make_pipeline(_columns(problem.frame), MLPClassifier(**options)).fit(x, y)
                found = model.predict_proba(x_test)
                tried.append(score_classes(found, np.searchsorted(model.classes_, y_test)))
            else:
                model = make_pipeline(_columns(problem.frame), MLPRegressor(**options))
                model.fit(x, (y - y.mean()) / y.std())
                tried.append(score_numbers(model.predict(x_test) * y.std() + y.mean(), y_test))
    return [{score: of[score] for score in scores} for of in tried]


def _columns(frame: Any) -> Any:
    """Standardised numbers and indicators of text."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", max_categories=100, sparse_output=False)
    few = [name for name in frame.columns if frame[name].nunique() <= 400]
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (words, lambda x: [n for n in few if x[n].dtype.kind not in "iufb"]),
    )


def main() -> None:
    """Print a line for each table and score: the means over the seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=list(TARGETS))
    arguments = parser.parse_args()
    heads = [f"{head:>9s}" for head in ("steep", "sklearn", "stopping")]
    print(f"{'table':15s} {'score':10s} {' '.join(heads)}  gain")
    with tempfile.TemporaryDirectory() as folder:
        for name in [arguments.only] if arguments.only else TARGETS:
            path = Path(folder) / f"{name}.csv"
            write_table(name, path)
            scores = ["rmse", "r2"] if name == "diabetes" else ["accuracy", "log_loss"]
            runs = [
                [steeps(path, name, seed, scores), *theirs(path, name, seed, scores)]
                for seed in range(arguments.seeds)
            ]
            for score in scores:
                values = np.array([[of[score] for of in run] for run in runs])
                sign = 1 if score in ("accuracy", "r2") else -1
                rival = 1 + int((sign * values[:, 1:].mean(axis=0)).argmax())
                gain = sign * (values[:, 0] - values[:, rival])
                error = gain.std(ddof=1) / len(gain) ** 0.5
                means = " ".join(f"{mean:9.4f}" for mean in values.mean(axis=0))
                print(
                    f"{name:15s} {score:10s} {means}  {gain.mean():+.4f} ± {error:.4f}", flush=True
                )


if __name__ == "__main__":
    main()
