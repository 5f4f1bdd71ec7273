"""The same network, trained by tsrnn and by PyTorch to the same validation loss.

SegRNN and a plain LSTM on ETTh1 (lookback 96, horizon 96, every column a series of one network),
12 months to learn from, 4 to validate on. Both begin with the same weights, take the same windows
in the same order, with Adam and the same schedule; so their losses agree, and what differs is the
time. They take turns epoch by epoch. PyTorch holds all windows of a batch as one gather from the
series, and steps with its fused Adam.

    python benchmarks/twin.py --data DIR
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import accuracy_sets as sets
import harness
import numpy as np
import ours

LOOKBACK, HORIZON, SEGMENT, TRAIN, VALIDATION = 96, 96, 24, 8640, 2880
RATE, CLIP = 1e-3, 1.0
NETWORKS: dict[str, dict[str, Any]] = {
    "SegRNN, 128 units": {"cell": "gru", "hidden_size": 128, "segment_length": SEGMENT},
    "LSTM, 64 units": {"cell": "lstm", "hidden_size": 64},
}


class Twin:
    """The network of ``ours`` in PyTorch, with its weights."""

    def __init__(self, weights: dict[str, Any], series: Any):
        import torch

        self.series = torch.from_numpy(series)
        self.weights = {
            name: torch.tensor(values, requires_grad=True) for name, values in weights.items()
        }
        kind = torch.nn.GRU if "segment.weight" in weights else torch.nn.LSTM
        hidden = weights["weight_hh_l0"].shape[1]
        inputs = weights["weight_ih_l0"].shape[1]
        self.encoder = kind(inputs, hidden, batch_first=True)
        self.decoder = kind(inputs, hidden, batch_first=True)
        own = [*self.weights.values()]
        self.adam = torch.optim.Adam(own, lr=RATE, fused=True)
        self.loss = torch.nn.functional.l1_loss

    def forward(self, starts: Any) -> tuple[Any, Any]:
        """Forecasts and truth of the windows that begin at ``starts``, (N, horizon)."""
        import torch

        rows = torch.from_numpy(starts)[:, None] + torch.arange(LOOKBACK + HORIZON)
        values = self.series[rows]
        values = values - values[:, LOOKBACK - 1 : LOOKBACK]
        window, truth = values[:, :LOOKBACK], values[:, LOOKBACK:]
        segments = "segment.weight" in self.weights
        return (self._segments(window) if segments else self._plain(window)), truth

    def _run(self, net: Any, prefix: str, x: Any, state: Any = None) -> Any:
        import torch

        own = {name: self.weights[prefix + name] for name, _ in net.named_parameters()}
        return torch.func.functional_call(net, own, (x,) if state is None else (x, state))

    def _head(self, h: Any) -> Any:
        return h @ self.weights["head.weight"].T + self.weights["head.bias"]

    def _plain(self, window: Any) -> Any:
        outputs, _ = self._run(self.encoder, "", window[..., None])
        return self._head(outputs[:, -1])

    def _segments(self, window: Any) -> Any:
        """Every segment of the horizon is one step from the last state, all at once."""
        w, count = self.weights, len(window)
        x = window.unflatten(1, (-1, SEGMENT)) @ w["segment.weight"].T + w["segment.bias"]
        _, last = self._run(self.encoder, "", x.relu())
        positions = len(w["position.weight"])
        state = last[0].repeat_interleave(positions, dim=0)[None]
        read = w["position.weight"].repeat(count, 1)[:, None]
        outputs, _ = self._run(self.decoder, "decoder.", read, state)
        return self._head(outputs[:, 0]).reshape(count, HORIZON)

    def epoch(self, order: Any, batch: int, rate: float) -> float:
        """Train on these windows; the mean loss."""
        import torch

        total = 0.0
        for group in self.adam.param_groups:
            group["lr"] = rate
        for first in range(0, len(order), batch):
            some = order[first : first + batch]
            self.adam.zero_grad()
            loss = self.loss(*self.forward(some))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights.values(), CLIP)
            self.adam.step()
            total += loss.item() * len(some)
        return total / len(order)

    def score(self, starts: Any, batch: int = 1024) -> float:
        """The mean loss on these windows."""
        import torch

        with torch.inference_mode():
            parts = [
                self.loss(*self.forward(starts[first : first + batch])).item()
                * len(starts[first : first + batch])
                for first in range(0, len(starts), batch)
            ]
        return sum(parts) / len(starts)


def windows(columns: int, rows: int, first: int, last: int) -> Any:
    """Starts of the windows of all columns, laid one after another, with targets in a part."""
    own = np.arange(first - LOOKBACK, last - LOOKBACK - HORIZON + 1)
    return (np.arange(columns)[:, None] * rows + own).ravel()


def compare(name: str, frame: Any, options: Any) -> list[dict[str, object]]:
    """Both through all epochs, and when each came to the loss that both reach."""
    rows, columns = frame.shape
    series = np.ascontiguousarray(frame.to_numpy().T.reshape(-1))
    training = windows(columns, rows, LOOKBACK, TRAIN)
    held_out = windows(columns, rows, TRAIN, TRAIN + VALIDATION)
    learner = ours.Learner(series, LOOKBACK, HORIZON, CLIP, **NETWORKS[name])
    twin = Twin(learner.weights(), series)
    order = np.random.default_rng(0)
    taken: dict[str, list[float]] = {"tsrnn": [], "PyTorch": []}
    scores: dict[str, list[float]] = {"tsrnn": [], "PyTorch": []}
    for epoch in range(options.epochs):
        shuffled, rate = order.permutation(training), RATE * 0.8 ** max(0, epoch - 2)
        for contender, each in (("tsrnn", learner), ("PyTorch", twin)):
            start = time.perf_counter()
            each.epoch(shuffled, options.batch, rate)
            taken[contender].append(time.perf_counter() - start)
            scores[contender].append(each.score(held_out))
    goal = max(min(values) for values in scores.values())
    ratio = statistics.median(b / a for a, b in zip(taken["tsrnn"], taken["PyTorch"], strict=True))
    return [
        {
            "network": name,
            "by": contender,
            "threads": options.threads,
            "seconds an epoch": statistics.median(taken[contender]),
            "validation loss": f"{min(scores[contender]):.5f}",
            "seconds to both's": sum(taken[contender][: _epochs(scores[contender], goal)]),
            "share of PyTorch's time": f"{1 / ratio:.2f}" if contender == "tsrnn" else "",
        }
        for contender in taken
    ]


def _epochs(scores: list[float], goal: float) -> int:
    """How many it took to come to it."""
    return 1 + next(epoch for epoch, score in enumerate(scores) if score <= goal * (1 + 1e-4))


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    harness.use_threads(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    frame = sets.ett(options.data, False, "ETTh1", HORIZON).frame
    rows = [row for name in NETWORKS for row in compare(name, frame, options)]
    harness.report("Training to the same validation loss", rows, options)


if __name__ == "__main__":
    main()
