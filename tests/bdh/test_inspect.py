"""Traces equal what the model computes, and statistics are those of known distributions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("networkx")

from bdh.config import BDHConfig
from bdh.errors import InspectError
from bdh.inspect.activity import (
    ModelSizes,
    Neuron,
    Synapse,
    follow_neuron,
    follow_synapse,
    measure_activity,
    read_layers,
    words_of,
)
from bdh.inspect.concepts import measure_selectivity, sentence_activity
from bdh.inspect.graph import NeuronGraph, degree_tail, find_modules, neuron_graph
from bdh.inspect.tails import fit_tail
from bdh.inspect.weights import MATRICES, weight_statistics
from bdh.model import BDH
from bdh.neuro.config import NeuroConfig
from bdh.neuro.model import BDHNeuro
from bdh.tokenizer import BPETokenizer, ByteTokenizer
from tests.bdh.conftest import ModelMaker

TEXT = "the dragon sleeps; the village does not. " * 4


@pytest.fixture(scope="module")
def model(make_model: ModelMaker) -> BDH:
    return make_model(vocab_size=256, n_layer=3, decay=(0.5, 0.99))


@pytest.fixture(scope="module")
def neuro() -> BDHNeuro:
    torch.manual_seed(0)
    return BDHNeuro(NeuroConfig.published(n=64, d=16, n_layer=2)).eval()


@pytest.fixture(scope="module")
def tokens() -> list[int]:
    return ByteTokenizer().encode(TEXT)


@settings(max_examples=8)
@given(segment=st.integers(1, 200))
def test_segment_size_does_not_change_traces(model: BDH, tokens: list[int], segment: int) -> None:
    layers = {0: list[torch.Tensor](), 1: list[torch.Tensor](), 2: list[torch.Tensor]()}
    for trace in read_layers(model, tokens, segment=segment):
        assert trace.x.shape[1] == trace.stop - trace.start
        layers[trace.layer].append(trace.y)
    whole = {trace.layer: trace.y for trace in read_layers(model, tokens, segment=len(tokens))}
    for layer, pieces in layers.items():
        assert (torch.cat(pieces, dim=1) - whole[layer]).abs().max() < 1e-3


def test_activity_equals_that_of_the_model(model: BDH, tokens: list[int]) -> None:
    with torch.inference_mode():
        output = model(torch.tensor([tokens]), measure_every=1)
    activity = measure_activity(model, tokens, segment=len(tokens))
    assert np.allclose(activity.active[:, :, 0], output.activity.numpy())
    assert np.allclose(activity.state_norm[:, 0], output.state.norm()[:, 0].numpy(), rtol=1e-5)
    assert activity.positions.tolist() == [len(tokens)]


def test_activity_of_the_neuro_variant_equals_that_of_the_model(neuro: BDHNeuro, tokens: list[int]) -> None:
    probe = neuro.probe(torch.tensor([tokens]))
    activity = measure_activity(neuro, tokens, segment=len(tokens))
    assert activity.active[:, 0].mean() == pytest.approx(probe.active_x, abs=1e-6)
    assert activity.state_norm.mean() == pytest.approx(probe.state_norm, rel=1e-5)
    assert ModelSizes.of(neuro) == ModelSizes(2, 1, 64)


def test_reading_does_not_change_the_model(make_model: ModelMaker, tokens: list[int]) -> None:
    model = make_model(vocab_size=256, dropout=0.5).train()
    first = measure_activity(model, tokens)
    assert model.training and np.array_equal(first.active, measure_activity(model, tokens).active)


def test_neuron_is_the_one_with_its_number_over_all_heads(model: BDH, tokens: list[int]) -> None:
    trace = next(trace for trace in read_layers(model, tokens, segment=len(tokens)) if trace.layer == 1)
    followed = follow_neuron(model, tokens, Neuron(1, "y", model.config.n_neurons + 3))
    assert np.allclose(followed, trace.y[1, :, 3].numpy(), atol=1e-4)


def test_synapse_is_a_damped_sum_of_products(model: BDH, tokens: list[int]) -> None:
    synapse = Synapse(layer=2, head=1, i=4, j=5)
    trace = follow_synapse(model, tokens, synapse)
    y = follow_neuron(model, tokens, Neuron(1, "y", 4))
    x = follow_neuron(model, tokens, Neuron(2, "x", model.config.n_neurons + 5))
    assert np.array_equal(trace.y, y) and np.array_equal(trace.x, x)
    last = len(tokens) - 1
    expected = sum(0.99 ** (last - s) * y[s] * x[s] for s in range(len(tokens)))
    assert trace.strength[-1] == pytest.approx(expected, rel=1e-4)


def test_synapse_of_the_neuro_variant_mixes_its_timescales(neuro: BDHNeuro, tokens: list[int]) -> None:
    trace = follow_synapse(neuro, tokens, Synapse(layer=1, head=0, i=1, j=2))
    assert trace.strength[0] == pytest.approx(trace.y[0] * trace.x[0])


@pytest.mark.parametrize("neuron", [Neuron(3, "x", 0), Neuron(0, "y", 64), Neuron(-1, "x", 0)])
def test_missing_neuron_is_refused(model: BDH, tokens: list[int], neuron: Neuron) -> None:
    with pytest.raises(InspectError, match="this model has 0 to"):
        follow_neuron(model, tokens, neuron)


@pytest.mark.parametrize(
    "synapse", [Synapse(0, 0, 0, 0), Synapse(1, 2, 0, 0), Synapse(1, 0, 64, 0), Synapse(1, 0, 0, 32)]
)
def test_missing_synapse_is_refused(model: BDH, tokens: list[int], synapse: Synapse) -> None:
    with pytest.raises(InspectError, match="this model has"):
        follow_synapse(model, tokens, synapse)


def test_empty_text_is_refused(model: BDH) -> None:
    with pytest.raises(InspectError, match="text is empty"):
        measure_activity(model, [])


@given(text=st.text(max_size=60))
def test_every_token_is_labelled_with_a_word_of_the_text(text: str) -> None:
    words = words_of(ByteTokenizer().encode(text), ByteTokenizer())
    assert len(words) == len(text.encode())
    assert set(words) <= {"", *(word for word in text.encode().decode().split()), *words_in(text)}


def words_in(text: str) -> set[str]:
    """Return the words between ASCII spaces: other spaces are part of a word here."""
    return {word.decode() for word in text.encode().split()}


def test_every_token_of_a_word_gets_the_whole_word() -> None:
    tokenizer = BPETokenizer.train(["dragon hatch"], vocab_size=256)
    assert words_of(tokenizer.encode("a dragon’s"), tokenizer) == ["a", "a"] + ["dragon’s"] * 10


@pytest.mark.parametrize("alpha", [2.5, 3.5])
def test_tail_of_a_power_law_is_found(alpha: float) -> None:
    values = (1 - np.random.default_rng(0).random(50_000)) ** (-1 / (alpha - 1))
    fit = fit_tail(values)
    assert fit.alpha == pytest.approx(alpha, rel=0.06) and fit.heavy and fit.distance < 0.03


def test_normal_tail_is_not_heavy() -> None:
    fit = fit_tail(np.abs(np.random.default_rng(0).normal(size=50_000)))
    assert fit.alpha > 6 and not fit.heavy


def test_tail_does_not_depend_on_the_unit() -> None:
    values = np.random.default_rng(1).pareto(2.0, 5_000) + 1
    one, other = fit_tail(values), fit_tail(1_000 * values)
    assert (one.alpha, one.ratio) == pytest.approx((other.alpha, other.ratio), rel=1e-6)


def test_tail_of_few_values_is_refused() -> None:
    with pytest.raises(InspectError, match="at least 500"):
        fit_tail(np.arange(100))


def test_new_weights_match_their_initialisation() -> None:
    torch.manual_seed(0)
    fresh = BDH(BDHConfig(n_layer=1, n_embd=32, n_head=2, mlp_internal_dim_multiplier=16))
    statistics = weight_statistics(fresh)
    assert tuple(statistics) == MATRICES
    for item in statistics.values():
        assert item.spread == pytest.approx(item.initial, rel=0.05) and abs(item.kurtosis) < 0.15
        assert (item.density * np.diff(item.edges)).sum() == pytest.approx(1.0)
        assert not item.tail.heavy and np.all(np.diff(item.sizes) <= 0) and item.ranks[0] == 1


def test_new_neuro_weights_match_their_initialisation(neuro: BDHNeuro) -> None:
    for item in weight_statistics(neuro).values():
        assert item.spread == pytest.approx(item.initial, rel=0.1)


def test_statistics_of_a_sample_are_seeded(model: BDH) -> None:
    one, other = (weight_statistics(model, samples=700, seed=5)["encoder"] for _ in range(2))
    assert one.count == 700 and one.mean == other.mean


def test_graph_is_the_product_of_encoder_and_decoder(model: BDH) -> None:
    graph = neuron_graph(model, mean_degree=4)
    product = model.encoder.transpose(1, 2).flatten(0, 1) @ model.decoder.T
    dense = torch.zeros_like(product)
    dense[graph.targets, graph.sources] = torch.from_numpy(graph.weights)
    expected = torch.where(product >= graph.threshold, product, 0.0).fill_diagonal_(0.0)
    assert torch.allclose(dense, expected, atol=1e-5)
    assert graph.in_degrees().sum() == graph.out_degrees().sum() == len(graph.weights)
    assert len(graph.weights) == pytest.approx(4 * 64, rel=0.2)


def test_graph_in_blocks_is_the_graph_in_one(model: BDH, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = neuron_graph(model)
    monkeypatch.setattr("bdh.inspect.graph._blocks", lambda encoder, decoder: _rows(encoder, decoder, 7))
    pieces = neuron_graph(model)
    assert np.array_equal(whole.sources, pieces.sources) and np.array_equal(whole.targets, pieces.targets)


def _rows(encoder: torch.Tensor, decoder: torch.Tensor, size: int) -> list[tuple[int, torch.Tensor]]:
    return [(start, encoder[start : start + size] @ decoder.T) for start in range(0, len(encoder), size)]


def test_graph_of_the_neuro_variant(neuro: BDHNeuro) -> None:
    graph = neuron_graph(neuro, mean_degree=3)
    weights = neuro.encoder.T @ neuro.decoder.T
    assert torch.allclose(weights[graph.targets, graph.sources], torch.from_numpy(graph.weights), atol=1e-5)


@pytest.mark.parametrize("degree", [0.0, 64.0, -1.0])
def test_mean_degree_out_of_range_is_refused(model: BDH, degree: float) -> None:
    with pytest.raises(InspectError, match="mean_degree"):
        neuron_graph(model, mean_degree=degree)


def test_modules_of_separate_cliques_are_found() -> None:
    pairs = [(a, b) for clique in range(4) for a in range(clique * 8, clique * 8 + 8) for b in range(clique * 8, a)]
    sources, targets = (np.array(side) for side in zip(*pairs, strict=True))
    graph = NeuronGraph(32, 1.0, sources, targets, np.ones(len(pairs), np.float32))
    modules = find_modules(graph)
    assert modules.sizes == (8, 8, 8, 8) and modules.modularity == pytest.approx(0.75)
    assert modules.shuffled < 0.5 and modules.edges == len(pairs)


def test_modules_use_the_strongest_edges_only(model: BDH) -> None:
    assert find_modules(neuron_graph(model), most_edges=50).edges == 50


def test_graph_without_edges_has_no_modules() -> None:
    none = np.zeros(0, np.int64)
    with pytest.raises(InspectError, match="no edges"):
        find_modules(NeuronGraph(4, 1.0, none, none, np.zeros(0, np.float32)))


def test_degrees_of_a_scale_free_graph_are_heavy_tailed() -> None:
    degrees = np.floor((1 - np.random.default_rng(0).random(20_000)) ** (-1 / 1.5)).astype(np.int64)
    fit = degree_tail(degrees)
    assert fit.ratio > 0 and fit.alpha == pytest.approx(2.5, rel=0.1)


def test_neuron_that_fires_for_a_letter_is_found(model: BDH) -> None:
    concept = [f"zzz {word} zz" for word in ("one", "two", "three", "four", "five", "six", "seven", "eight")]
    control = [f"aaa {word} aa" for word in ("one", "two", "three", "four", "five", "six", "seven", "eight")]
    selectivity = measure_selectivity(model, ByteTokenizer(), concept, control)
    best = selectivity.best("x")
    assert selectivity.of(best) == 1.0
    at = (best.layer, 0, best.index)
    assert selectivity.q_values[at] < 0.05 and selectivity.means[(0, *at)] > selectivity.means[(1, *at)]
    synapse = selectivity.best_synapse(model.config.n_neurons)
    assert 1 <= synapse.layer < 3 and 0 <= synapse.j < model.config.n_neurons
    leaders = selectivity.leaders(5)
    assert len(leaders) == 5 and leaders[0]["p_value"] <= leaders[-1]["p_value"]


def test_same_sentences_make_no_neuron_selective(model: BDH) -> None:
    sentences = [f"sentence number {number}" for number in range(8)]
    selectivity = measure_selectivity(model, ByteTokenizer(), sentences, sentences)
    assert np.allclose(selectivity.separation, 0.5) and selectivity.q_values.min() > 0.3


def test_too_few_sentences_are_refused(model: BDH) -> None:
    with pytest.raises(InspectError, match="control list has 2 sentences"):
        measure_selectivity(model, ByteTokenizer(), ["a b c"] * 5, ["d"] * 2)


def test_activity_of_a_sentence_is_the_mean_over_its_tokens(model: BDH, tokens: list[int]) -> None:
    mean = sentence_activity(model, tokens)
    assert mean[1, 1, 7] == pytest.approx(follow_neuron(model, tokens, Neuron(1, "y", 7)).mean(), rel=1e-6)
