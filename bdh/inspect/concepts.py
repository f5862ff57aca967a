"""Neurons that are selective for a concept, given as sentences with it and sentences without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control, mannwhitneyu

from bdh.errors import InspectError
from bdh.inspect.activity import KINDS, Kind, ModelSizes, Neuron, Synapse, read_layers
from bdh.neuro.model import LanguageModel
from bdh.tokenizer import Tokenizer

Numbers = npt.NDArray[np.float64]
_FEWEST = 5


@dataclass(frozen=True)
class Selectivity:
    """How well each neuron separates the sentences of a concept from others (paper, section 6.3).

    All arrays are (L, 2, H * N), kinds in the order x, y. ``separation`` is the share of pairs (one sentence of each
    list) in which the neuron is more active for the concept, ties counted half: the AUC, 0.5 at chance. ``p_values``
    are those of a one-sided Mann-Whitney U test, ``q_values`` those after Benjamini and Hochberg's correction.
    ``means`` (2, L, 2, H * N) is the mean activity with the concept, and without.
    """

    separation: Numbers
    p_values: Numbers
    q_values: Numbers
    means: Numbers

    def best(self, kind: Kind, *, layer: int | None = None) -> Neuron:
        """Return the most selective neuron of ``kind``: largest separation, then smallest p, then the most active."""
        side = KINDS.index(kind)
        layers = range(self.separation.shape[0]) if layer is None else [layer]
        ranked = max(
            (self.separation[at, side, n], -self.p_values[at, side, n], self.means[0, at, side, n], at, n)
            for at in layers
            for n in [self._leader(at, side)]
        )
        return Neuron(int(ranked[3]), kind, int(ranked[4]))

    def _leader(self, layer: int, side: int) -> int:
        keys = (self.means[0, layer, side], -self.p_values[layer, side], self.separation[layer, side])
        return int(np.lexsort(keys)[-1])

    def best_synapse(self, neurons_per_head: int) -> Synapse:
        """Return the synapse from the most selective y of a layer to the most selective x of the next one.

        Of all layers it is the one with the largest sum of both separations. Raises InspectError if there is one layer.
        """
        layers = range(1, self.separation.shape[0])
        if not layers:
            raise InspectError("the model has one layer; a synapse connects two")
        ends = [(self.best("y", layer=layer - 1), self.best("x", layer=layer)) for layer in layers]
        y, x = max(ends, key=lambda pair: self.of(pair[0]) + self.of(pair[1]))
        return Synapse(x.layer, x.index // neurons_per_head, y.index, x.index % neurons_per_head)

    def of(self, neuron: Neuron) -> float:
        """Return the separation of one neuron."""
        return float(self.separation[neuron.layer, KINDS.index(neuron.kind), neuron.index])

    def leaders(self, count: int) -> list[dict[str, Any]]:
        """Return the ``count`` neurons with the smallest p-values, as mappings of plain numbers."""
        rows = []
        for place in np.argsort(self.p_values, axis=None, kind="stable")[:count]:
            layer, side, index = (int(axis) for axis in np.unravel_index(place, self.p_values.shape))
            at = (layer, side, index)
            figures = {"separation": self.separation[at], "p_value": self.p_values[at], "q_value": self.q_values[at]}
            means = {"mean_with": self.means[(0, *at)], "mean_without": self.means[(1, *at)]}
            named = {name: float(value) for name, value in (figures | means).items()}
            rows.append({"layer": layer, "kind": KINDS[side], "index": index, **named})
        return rows


def measure_selectivity(
    model: LanguageModel, tokenizer: Tokenizer, concept: Sequence[str], control: Sequence[str]
) -> Selectivity:
    """Compare every neuron's mean activity in the sentences of ``concept`` with that in ``control``.

    Each sentence is read from an empty state. Raises InspectError for fewer than five sentences in a list, where no
    order is significant.
    """
    for name, sentences in (("concept", concept), ("control", control)):
        if len(sentences) < _FEWEST:
            raise InspectError(f"the {name} list has {len(sentences)} sentences; give at least {_FEWEST}, one per line")
    inside = np.stack([sentence_activity(model, tokenizer.encode(sentence)) for sentence in concept])
    outside = np.stack([sentence_activity(model, tokenizer.encode(sentence)) for sentence in control])
    tests = [  # layer by layer: the ranks of all neurons together would not fit in memory
        mannwhitneyu(inside[:, layer], outside[:, layer], alternative="greater", method="asymptotic", axis=0)
        for layer in range(inside.shape[1])
    ]
    statistic = np.stack([test.statistic for test in tests])
    p_values = np.nan_to_num([test.pvalue for test in tests], nan=1.0)  # an inactive neuron has no ranks
    q_values = false_discovery_control(p_values, axis=None).reshape(p_values.shape)
    means = np.stack([inside.mean(axis=0), outside.mean(axis=0)])
    return Selectivity(statistic / (len(concept) * len(control)), p_values, q_values, means)


def sentence_activity(model: LanguageModel, tokens: Sequence[int]) -> Numbers:
    """Return the mean activity over ``tokens`` of every neuron, (L, 2, H * N)."""
    sizes = ModelSizes.of(model)
    total = np.zeros((sizes.layers, len(KINDS), sizes.total))
    for trace in read_layers(model, tokens):
        for side, neurons in enumerate((trace.x, trace.y)):
            total[trace.layer, side] += neurons.cpu().double().sum(dim=1).flatten().numpy()
    return total / len(tokens)
