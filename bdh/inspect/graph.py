"""The neuron graph G_x = D_x E: which neuron excites which, by the weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt
import torch

from bdh.errors import InspectError
from bdh.inspect.tails import TailFit, fit_tail
from bdh.neuro.model import BDHNeuro, LanguageModel
from bdh.shapes import Float, Tensor

Indices = npt.NDArray[np.int64]
_BLOCK = 512


@dataclass(frozen=True)
class NeuronGraph:
    """The strongest positive entries of G_x as edges: neuron ``sources[e]`` excites neuron ``targets[e]``.

    Entry (i, j) of G_x is D_x[i] . E[:, j], with D_x the encoder and E the decoder: the input of neuron x_i in the
    next layer from neuron y_j, before any normalisation. Neurons are numbered over all heads, head * N + n;
    ``threshold`` is the smallest weight of an edge.
    """

    neurons: int
    threshold: float
    sources: Indices
    targets: Indices
    weights: npt.NDArray[np.float32]

    def in_degrees(self) -> Indices:
        """Return the number of neurons that excite each neuron."""
        return np.bincount(self.targets, minlength=self.neurons)

    def out_degrees(self) -> Indices:
        """Return the number of neurons that each neuron excites."""
        return np.bincount(self.sources, minlength=self.neurons)


@dataclass(frozen=True)
class Modules:
    """Communities of the strongest part of a graph.

    ``modularity`` is Newman's, of the communities that Louvain's method finds; ``shuffled`` is that of a graph with the
    same degrees and shuffled edges, to compare with. ``sizes`` are in descending order.
    """

    modularity: float
    shuffled: float
    sizes: tuple[int, ...]
    neurons: int
    edges: int


@torch.inference_mode()
def neuron_graph(model: LanguageModel, *, mean_degree: float = 8.0, seed: int = 0) -> NeuronGraph:
    """Return the graph of the ``mean_degree`` * n strongest positive entries of G_x, without self-loops.

    The threshold comes from a sample, so the number of edges is approximate. G_x (n x n) is computed in blocks of 512
    rows. Raises InspectError when ``mean_degree`` is out of range.
    """
    encoder, decoder = _factors(model)
    count = len(decoder)
    if not 0 < mean_degree < count - 1:
        raise InspectError(f"mean_degree is {mean_degree}; it must lie between 0 and the {count - 1} other neurons")
    threshold = _threshold(encoder, decoder, 1.0 - mean_degree / count, seed)
    targets, sources, weights = [], [], []
    for start, block in _blocks(encoder, decoder):
        rows, columns = (block >= threshold).nonzero(as_tuple=True)
        others = rows + start != columns
        rows, columns = rows[others], columns[others]
        targets.append((rows + start).cpu().numpy())
        sources.append(columns.cpu().numpy())
        weights.append(block[rows, columns].float().cpu().numpy())
    return NeuronGraph(count, threshold, np.concatenate(sources), np.concatenate(targets), np.concatenate(weights))


def degree_tail(degrees: Indices) -> TailFit:
    """Fit a continuous power law to the upper tail of ``degrees``."""
    return fit_tail(degrees[degrees > 0])


def find_modules(graph: NeuronGraph, *, most_edges: int = 20_000, seed: int = 0) -> Modules:
    """Return the communities of the ``most_edges`` strongest edges, without their directions.

    The bound limits time and memory: Louvain's method runs twice, in Python. Raises InspectError without edges.
    """
    if len(graph.weights) == 0:
        raise InspectError("the graph has no edges; raise mean_degree")
    strongest = np.argsort(-graph.weights, kind="stable")[:most_edges]
    sources, targets = graph.sources[strongest], graph.targets[strongest]
    communities, modularity = _communities(sources, targets, seed)
    shuffled_targets = np.random.default_rng(seed).permutation(targets)
    _, shuffled = _communities(sources, shuffled_targets, seed)
    sizes = tuple(sorted((len(community) for community in communities), reverse=True))
    return Modules(modularity, shuffled, sizes, sum(sizes), len(strongest))


def _communities(sources: Indices, targets: Indices, seed: int) -> tuple[list[set[int]], float]:
    undirected = nx.Graph(zip(sources.tolist(), targets.tolist(), strict=True))
    undirected.remove_edges_from(list(nx.selfloop_edges(undirected)))
    found = nx.community.louvain_communities(undirected, seed=seed)
    return found, float(nx.community.modularity(undirected, found))


def _factors(model: LanguageModel) -> tuple[Float[Tensor, "HN D"], Float[Tensor, "HN D"]]:
    """Return D_x and the transpose of E, with the same numbering of neurons."""
    encoder = model.encoder.detach().float()
    heads = encoder[None] if isinstance(model, BDHNeuro) else encoder
    return heads.transpose(1, 2).flatten(0, 1), model.decoder.detach().float()


def _blocks(
    encoder: Float[Tensor, "HN D"], decoder: Float[Tensor, "HN D"]
) -> Iterator[tuple[int, Float[Tensor, "R HN"]]]:
    for start in range(0, len(encoder), _BLOCK):
        yield start, encoder[start : start + _BLOCK] @ decoder.T


def _threshold(encoder: Float[Tensor, "HN D"], decoder: Float[Tensor, "HN D"], quantile: float, seed: int) -> float:
    """Return the ``quantile`` of the entries of G_x, from up to 512 random rows; at least the smallest float32 > 0."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(encoder), generator=generator)[:_BLOCK].to(encoder.device)
    sample = np.sort((encoder[rows] @ decoder.T).flatten().cpu().numpy())
    return max(float(sample[min(len(sample) - 1, int(quantile * len(sample)))]), float(np.finfo(np.float32).tiny))
