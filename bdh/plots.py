"""Plots of measured numbers, as PNG or SVG: the only file that imports matplotlib."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from bdh.curves import MetricCurve
from bdh.errors import DataError
from bdh.files import replacing
from bdh.inspect.activity import Activity, SynapseTrace
from bdh.inspect.concepts import Selectivity
from bdh.inspect.graph import Modules
from bdh.inspect.tails import TailFit
from bdh.inspect.weights import WeightStatistics
from bdh.recall import Recall, RecallPoint

Numbers = npt.NDArray[np.float64]
FORMATS = ("png", "svg")
# A palette for colour-blind readers (Okabe and Ito), and a grey for reference lines.
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _SKY, _GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#888888",
)  # fmt: skip
_CYCLE = (_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _SKY)
_STYLE: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.prop_cycle": cycler(color=_CYCLE),
    "legend.frameon": False,
    "legend.fontsize": 11,
    "svg.hashsalt": "bdh",
    "savefig.dpi": 150,
}


class PlotFolder:
    """Save figures in one style to a folder; each file is written completely or not at all."""

    def __init__(self, folder: Path, formats: Sequence[str] = FORMATS) -> None:
        unknown = sorted(set(formats) - set(FORMATS))
        if unknown or not formats:
            raise DataError(f"format {', '.join(unknown) or 'is empty'}: it must be png or svg, or both")
        self.folder, self.formats = folder, tuple(formats)
        self.files: list[Path] = []

    def add(self, name: str, figure: Figure) -> None:
        """Write ``figure`` as ``name`` in each format."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for form in self.formats:
            path = self.folder / f"{name}.{form}"
            with replacing(path) as partial, matplotlib.rc_context(_STYLE):
                figure.savefig(partial, format=form, metadata={"Date": None} if form == "svg" else None)
            self.files.append(path)


@matplotlib.rc_context(_STYLE)
def draw_losses(curves: Mapping[str, MetricCurve], *, title: str) -> Figure:
    """Draw training and validation loss over the steps, with the best validation marked."""
    figure, (axes,) = _panels(1, title=title)
    if "loss" in curves:
        axes.plot(curves["loss"].steps, curves["loss"].values, color=_SKY, linewidth=1.2, label="training")
    if "val_loss" in curves:
        validation = curves["val_loss"]
        best = int(np.argmin(validation.values))
        at, loss = validation.steps[best], validation.values[best]
        axes.plot(validation.steps, validation.values, color=_BLUE, linewidth=2, marker=".", label="validation")
        axes.plot([at], [loss], "o", color=_RED, markersize=9, label=f"best: {loss:.4f} at step {at:,.0f}")
    axes.set(xlabel="step", ylabel="loss (nats per token)")
    axes.legend()
    return figure


_TRAINING = {
    "active_x": "active neurons x",
    "active_y": "active neurons y",
    "state_norm": "Frobenius norm\nof a layer's memory",
    "gain": "gain",
    "grad_norm": "gradient norm",
    "tokens_per_second": "tokens per second",
}


@matplotlib.rc_context(_STYLE)
def draw_training(curves: Mapping[str, MetricCurve], *, title: str) -> Figure | None:
    """Draw activity, memory, gain, gradient and speed over the steps; None without any of them."""
    shown = [name for name in _TRAINING if name in curves]
    if not shown:
        return None
    figure, panels = _panels(len(shown), title=title, columns=2, height=2.9)
    for axes, name, color in zip(panels, shown, _CYCLE, strict=False):
        axes.plot(curves[name].steps, curves[name].values, color=color)
        axes.set(xlabel="step", ylabel=_TRAINING[name])
        if name.startswith("active"):
            axes.set_ylim(0, None)
            _percent(axes)
    return figure


@matplotlib.rc_context(_STYLE)
def draw_sparsity(activity: Activity, *, title: str) -> Figure:
    """Draw the share of active neurons of each layer over a text, x and y side by side."""
    figure, panels = _panels(2, title=title, columns=2, height=4.2)
    for side, (axes, kind) in enumerate(zip(panels, ("x", "y"), strict=True)):
        for layer, shares in enumerate(activity.active[:, side]):
            axes.plot(activity.positions, shares, linewidth=1.4, label=f"layer {layer}: mean {shares.mean():.1%}")
        axes.set(xlabel="tokens read", ylabel=f"active neurons {kind}", ylim=(0, None))
        _percent(axes)
        _legend_below(axes)
    return figure


@matplotlib.rc_context(_STYLE)
def draw_state_norm(activity: Activity, *, title: str) -> Figure:
    """Draw the Frobenius norm of each layer's memory over a text."""
    figure, (axes,) = _panels(1, title=title)
    for layer, norms in enumerate(activity.state_norm):
        axes.plot(activity.positions, norms, label=f"layer {layer}")
    axes.set(xlabel="tokens read", ylabel="Frobenius norm of the memory", ylim=(0, None))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 4), useMathText=True)
    axes.legend(ncols=2)
    return figure


@matplotlib.rc_context(_STYLE)
def draw_weights(weights: Mapping[str, WeightStatistics], *, title: str) -> Figure:
    """Draw each matrix's values against initialisation (left), and the fitted tail of their absolute values (right)."""
    figure, panels = _panels(2 * len(weights), title=title, columns=2, height=2.9)
    for row, (name, statistics) in enumerate(weights.items()):
        _draw_histogram(panels[2 * row], name, statistics)
        _draw_weight_tail(panels[2 * row + 1], statistics)
    return figure


def _draw_histogram(axes: Axes, name: str, statistics: WeightStatistics) -> None:
    middles = (statistics.edges[1:] + statistics.edges[:-1]) / 2
    initial = statistics.initial
    normal = np.exp(-0.5 * (middles / initial) ** 2) / (initial * np.sqrt(2 * np.pi))
    shown = statistics.density > 0
    axes.fill_between(
        middles[shown], statistics.density[shown], 1e-6, color=_SKY, alpha=0.6, step="mid", label="trained"
    )
    axes.plot(middles, normal, color=_RED, linewidth=1.4, label=f"initial (spread {initial:.2g})")
    limits = (statistics.density[shown].min() / 2, 60 * max(statistics.density.max(), normal.max()))
    axes.set(yscale="log", ylim=limits, xlabel=f"{name}: value", ylabel="density")
    axes.set_title(
        f"spread {statistics.spread:.3f}, excess kurtosis {statistics.kurtosis:.2f}", loc="left", fontsize=11
    )
    axes.legend(fontsize=10, loc="upper right")


def _draw_weight_tail(axes: Axes, statistics: WeightStatistics) -> None:
    sizes, tail = statistics.sizes, statistics.tail
    axes.loglog(sizes, statistics.ranks / statistics.count, color=_BLUE, linewidth=1.6, label="size of values")
    _draw_fit(axes, tail, bottom=float(sizes[-1]), top=float(sizes[0]))
    axes.set(xlabel="size", ylabel="share at least\nthis large", ylim=(0.3 / statistics.count, None))
    _plain_sizes(axes, decades=sizes[0] > 10 * sizes[-1])
    axes.legend(fontsize=10, loc="lower left")


@matplotlib.rc_context(_STYLE)
def draw_degrees(
    incoming: npt.ArrayLike, outgoing: npt.ArrayLike, fits: Iterable[TailFit | None], modules: Modules, *, title: str
) -> Figure:
    """Draw the complementary distributions of in- and out-degrees, the fitted tails, and the sizes of communities."""
    figure, panels = _panels(2, title=title, columns=2, height=4.6)
    for degrees, fit, name, color in zip((incoming, outgoing), fits, ("in", "out"), (_BLUE, _ORANGE), strict=True):
        ordered = np.sort(np.asarray(degrees, np.float64))[::-1]
        ordered = ordered[ordered > 0]
        panels[0].loglog(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color=color, label=f"{name}-degree")
        if fit is not None:
            _draw_fit(panels[0], fit, bottom=1.0, top=float(ordered[0]), color=color)
    panels[0].set(
        xlabel="edges of a neuron", ylabel="share with at least as many", ylim=(0.5 / len(np.ravel(incoming)), None)
    )
    _plain_sizes(panels[0], decades=True)
    _legend_below(panels[0], columns=1)
    sizes = modules.sizes[:30]
    panels[1].bar(np.arange(1, len(sizes) + 1), sizes, color=_GREEN)
    panels[1].set(xlabel="community, by size", ylabel="neurons")
    panels[1].xaxis.set_major_locator(MaxNLocator(integer=True))
    compared = f"modularity {modules.modularity:.2f}, with edges shuffled {modules.shuffled:.2f}"
    panels[1].set_title(f"{compared}\n({modules.edges:,} strongest edges)", loc="left", fontsize=11)
    return figure


@matplotlib.rc_context(_STYLE)
def draw_neuron(values: Numbers, words: Sequence[str], *, title: str) -> Figure:
    """Draw one neuron's activity at every token of a text, with the words at its peaks."""
    figure, (axes,) = _panels(1, title=title)
    axes.vlines(np.arange(len(values)), 0, values, color=_SKY, linewidth=1.0)
    width = max(1, len(values) // 25)
    mean = np.convolve(values, np.ones(width) / width, mode="same")
    axes.plot(np.arange(len(values)), mean[: len(values)], color=_RED, label=f"mean of {width} tokens")
    _legend_below(axes)
    _name_peaks(axes, values, words)
    axes.set(xlabel="token", ylabel="activity", ylim=(0, None))
    return figure


@matplotlib.rc_context(_STYLE)
def draw_synapse(trace: SynapseTrace, words: Sequence[str], *, title: str) -> Figure:
    """Draw a synapse's strength over a text, and what is written to it at each token."""
    figure, (upper, lower) = _panels(2, title=title, height=2.9)
    upper.plot(np.arange(len(trace.strength)), trace.strength, color=_RED)
    upper.set(ylabel="strength of synapse", ylim=(0, None))
    written = trace.y * trace.x
    lower.vlines(np.arange(len(written)), 0, written, color=_BLUE, linewidth=1.0)
    _name_peaks(lower, written, words)
    lower.set(xlabel="token", ylabel="written at the token\n(y times x)", ylim=(0, None))
    return figure


@matplotlib.rc_context(_STYLE)
def draw_selectivity(selectivity: Selectivity, *, names: tuple[str, str], title: str) -> Figure:
    """Draw how well neurons separate a concept's sentences from others, and the best neurons' mean activity in both."""
    figure, panels = _panels(2, title=title, columns=2, height=4.4)
    for side, (kind, color) in enumerate((("x", _BLUE), ("y", _ORANGE))):
        separation = selectivity.separation[:, side].ravel()
        significant = int((selectivity.q_values[:, side] < 0.05).sum())
        panels[0].hist(separation, bins=50, range=(0, 1), histtype="step", linewidth=1.8, color=color, log=True,
                       label=f"{kind}: {significant:,} of {separation.size:,} with q < 0.05")  # fmt: skip
        inside, outside = (selectivity.means[row, :, side].ravel() for row in (0, 1))
        leaders = np.argsort(-separation - inside / (inside.max() + 1e-9) * 1e-3)[:200]
        panels[1].scatter(outside[leaders], inside[leaders], s=14, color=color, alpha=0.6, label=f"{kind}: best 200")
    panels[0].set(xlabel="separation (0.5: none, 1: perfect)", ylabel="neurons")
    panels[1].set(xlabel=f"mean activity: {names[1]}", ylabel=f"mean activity: {names[0]}")
    bound = max(panels[1].get_xlim()[1], panels[1].get_ylim()[1])
    panels[1].plot((0, bound), (0, bound), color=_GREY, linewidth=1, linestyle="--")
    for axes in panels:
        _legend_below(axes, columns=1)
    return figure


@matplotlib.rc_context(_STYLE)
def draw_recall(recall: Recall, *, title: str) -> Figure:
    """Draw the accuracy of each task over the distance, with the state carried and reset, and that of guessing."""
    figure, panels = _panels(3, title=title, columns=3, height=4.2)
    names = {"key_value": "facts", "induction": "repeated words", "n_back": "n-back"}
    for axes, (task, name) in zip(panels, names.items(), strict=True):
        points: list[RecallPoint] = getattr(recall, task)
        distances = [point.distance for point in points]
        axes.plot(distances, [point.carried for point in points], color=_BLUE, marker=".", label="state carried")
        axes.plot(distances, [point.reset for point in points], color=_ORANGE, marker=".", label="state reset")
        axes.axhline(recall.chance()[task], color=_GREY, linewidth=1, linestyle="--", label="guessing")
        axes.set_xscale("log", base=2)
        axes.set(xlabel="distance (tokens)", ylabel=f"{name}: right answers", ylim=(-0.02, 1.02))
        _percent(axes)
        _legend_below(axes, columns=3)
    return figure


def _panels(count: int, *, title: str, columns: int = 1, height: float = 4.6) -> tuple[Figure, list[Axes]]:
    rows = -(-count // columns)
    figure = Figure(figsize=(5.2 * columns if columns > 1 else 8.4, height * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=14)
    panels = list(grid.ravel())
    for spare in panels[count:]:
        spare.remove()
    return figure, panels[:count]


def _draw_fit(axes: Axes, fit: TailFit, *, bottom: float, top: float, color: str = _RED) -> None:
    sizes = np.geomspace(max(fit.x_min, bottom), top, 50)
    verdict = "better than exponential" if fit.heavy else "no better than exponential"
    label = f"power law {fit.alpha:.1f}: {verdict}"
    axes.loglog(
        sizes, fit.share * (sizes / fit.x_min) ** (1 - fit.alpha), "--", color=color, linewidth=1.4, label=label
    )


def _plain_sizes(axes: Axes, *, decades: bool) -> None:
    """Label a logarithmic axis with plain numbers, few enough not to overlap."""
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if decades else MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _name_peaks(axes: Axes, values: Numbers, words: Sequence[str], *, most: int = 12) -> None:
    """Label the highest values with their words, at least a thirtieth of the text apart."""
    gap, named = max(1, len(values) // 30), list[int]()
    for position in np.argsort(-values, kind="stable").tolist():
        if values[position] <= 0 or len(named) == most:
            break
        if all(abs(position - other) >= gap for other in named):
            named.append(position)
            word = words[position][:20].replace("$", r"\$")
            axes.annotate(word, (position, values[position]), rotation=60, fontsize=10, ha="left", va="bottom")
    axes.margins(y=0.25)


def _percent(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))


def _legend_below(axes: Axes, *, columns: int = 2) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=10, ncols=columns)
