"""`torch.hub`: nothing is downloaded, and no code that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

__all__ = ["get_dir", "load", "load_state_dict_from_url", "load_url"]


def get_dir() -> str:
    """Where PyTorch keeps what it downloads."""
    return str(Path.home() / ".cache" / "torch" / "hub")


def load(repo_or_dir: str, model: str, *_: Any, **__: Any) -> NoReturn:
    """Refused, because it would run code from elsewhere."""
    raise NotImplementedError(
        f"hub.load: expected a model of this program, got {repo_or_dir!r}; copy its code, and load "
        "its weights with steep.load"
    )


def load_state_dict_from_url(url: str, *_: Any, **__: Any) -> NoReturn:
    """Refused: nothing is downloaded."""
    raise NotImplementedError(
        f"hub.load_state_dict_from_url: nothing is downloaded; fetch {url} and load it with "
        "steep.load"
    )


load_url = load_state_dict_from_url  # the name in torch.utils.model_zoo
