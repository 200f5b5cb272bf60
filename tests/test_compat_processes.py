"""Programs under `steep.compat` that start processes, and that write logs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SPAWNING = """
import torch
import torch.multiprocessing as mp

def work(rank, queue):
    queue.put((rank, torch.ones(2).sum().item()))

if __name__ == "__main__":
    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(work, args=(queue,), nprocs=1)
    print(queue.get())
"""


def test_spawned_processes_have_it_too(tmp_path: Path) -> None:
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    command = [sys.executable, "-W", "error", "-m", "steep.compat", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "(0, 2.0)\n"), done.stderr


def test_a_summary_writer_takes_tensors(tmp_path: Path) -> None:
    code = (
        "import sys, torch\n"
        "from torch.utils.tensorboard import SummaryWriter\n"
        "loss = torch.ones(3, requires_grad=True).sum()\n"
        "with SummaryWriter(log_dir=sys.argv[1]) as writer:\n"
        "    writer.add_scalar('loss', loss, 0)\n"
        "    writer.add_scalars('both', {'a': loss, 'b': 2.0}, 1)\n"
        "    writer.add_histogram('x', torch.arange(5.0), 0)\n"
        "    writer.add_image('picture', torch.rand(3, 4, 4), 0)\n"
        "    assert isinstance(writer, SummaryWriter)\n"
    )
    script = tmp_path / "log.py"
    script.write_text(code)
    folder = tmp_path / "board"
    command = [sys.executable, "-W", "ignore", "-m", "steep.compat", str(script), str(folder)]
    subprocess.run(command, check=True)
    assert any(b"picture" in path.read_bytes() for path in folder.rglob("events*"))
