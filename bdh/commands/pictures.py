"""The plots of a run, a model or a log, and the numbers that they are drawn from."""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bdh import plots
from bdh.commands.models import model_folder, open_model
from bdh.curves import MetricCurve, read_log, read_metrics
from bdh.errors import ConfigError, DataError, InspectError
from bdh.files import write_text
from bdh.inspect.activity import (
    KINDS,
    ModelSizes,
    Neuron,
    Synapse,
    follow_neuron,
    follow_synapse,
    measure_activity,
    words_of,
)
from bdh.inspect.concepts import Selectivity, measure_selectivity
from bdh.inspect.graph import degree_tail, find_modules, neuron_graph
from bdh.inspect.tails import TailFit
from bdh.inspect.weights import weight_statistics
from bdh.neuro.model import LanguageModel
from bdh.plots import PlotFolder
from bdh.tokenizer import Tokenizer
from bdh.training.distributed import choose_device

_LEADERS = 100


def draw_all(source: str, out: Path, formats: Sequence[str], arguments: argparse.Namespace) -> list[Path]:
    """Draw every plot of ``source`` into ``out``, with their numbers in numbers.json; return the files.

    Raises DataError when ``source`` is not a run, a model or a log.
    """
    album = PlotFolder(out, formats)
    numbers: dict[str, Any] = {}
    folder = Path(source)
    if arguments.file:
        numbers |= _draw_curves(album, read_log(folder), folder.name)
    elif (folder / "metrics.jsonl").is_file():
        numbers |= _draw_curves(album, read_metrics(folder / "metrics.jsonl"), folder.name)
    if not arguments.file and (not numbers or (model_folder(folder) / "config.json").is_file()):
        model, tokenizer = open_model(source, device=choose_device(arguments.device))
        numbers |= _ModelPlots(album, model, tokenizer, arguments).draw()
    path = out / "numbers.json"
    write_text(path, json.dumps(_plain(numbers), indent=1) + "\n")
    return [*album.files, path]


def _draw_curves(album: PlotFolder, curves: dict[str, MetricCurve], name: str) -> dict[str, Any]:
    if "loss" in curves or "val_loss" in curves:
        album.add("loss", plots.draw_losses(curves, title=f"Loss of {name}"))
    training = plots.draw_training(curves, title=f"Training of {name}")
    if training is not None:
        album.add("training", training)
    return {"curves": curves}


class _ModelPlots:
    """The plots of one model that the flags ask for."""

    def __init__(
        self, album: PlotFolder, model: LanguageModel, tokenizer: Tokenizer, arguments: argparse.Namespace
    ) -> None:
        self.album, self.model, self.tokenizer, self.arguments = album, model, tokenizer, arguments
        self.name = Path(arguments.source).resolve().name
        self.sizes = ModelSizes.of(model)
        self.text = _read(arguments.text) if arguments.text else ""

    def draw(self) -> dict[str, Any]:
        """Draw everything, with what may fail first; return the numbers by the name of the plot."""
        asked = self.arguments
        neuron = _parse_neuron(asked.neuron) if asked.neuron else None
        synapse = _parse_synapse(asked.synapse) if asked.synapse else None
        numbers: dict[str, Any] = {}
        if asked.concept_a:
            selectivity, numbers = self._draw_concept()
            neuron = neuron or max((selectivity.best(kind) for kind in KINDS), key=selectivity.of)
            if synapse is None and self.sizes.layers > 1:
                synapse = selectivity.best_synapse(self.sizes.neurons)
        numbers |= self._follow(neuron, synapse) | self._draw_graph()
        if asked.text:
            numbers |= self._draw_activity()
        return numbers | self._draw_weights()

    def _draw_weights(self) -> dict[str, Any]:
        weights = weight_statistics(self.model)
        self.album.add("weights", plots.draw_weights(weights, title=f"Weights of {self.name} against initialisation"))
        return {"weights": weights}

    def _draw_graph(self) -> dict[str, Any]:
        graph = neuron_graph(self.model, mean_degree=self.arguments.mean_degree)
        degrees = graph.in_degrees(), graph.out_degrees()
        fits = [_fit_or_none(side) for side in degrees]
        modules = find_modules(graph)
        title = f"Neuron graph of {self.name}: {len(graph.weights):,} edges, weight from {graph.threshold:.3g}"
        self.album.add("graph", plots.draw_degrees(*degrees, fits, modules, title=title))
        named = {"in_degrees": degrees[0], "out_degrees": degrees[1], "in_tail": fits[0], "out_tail": fits[1]}
        return {"graph": {**named, "threshold": graph.threshold, "modules": modules}}

    def _draw_activity(self) -> dict[str, Any]:
        activity = measure_activity(self.model, self._tokens())
        where = f"{self.name} on {Path(self.arguments.text).name}"
        self.album.add("sparsity", plots.draw_sparsity(activity, title=f"Active neurons, {where}"))
        self.album.add("state_norm", plots.draw_state_norm(activity, title=f"Memory, {where}"))
        return {"activity": activity}

    def _draw_concept(self) -> tuple[Selectivity, dict[str, Any]]:
        paths = Path(self.arguments.concept_a), Path(self.arguments.concept_b)
        lists = [[line.strip() for line in _read(path).splitlines() if line.strip()] for path in paths]
        selectivity = measure_selectivity(self.model, self.tokenizer, *lists)
        names = paths[0].stem, paths[1].stem
        title = f"Neurons of {self.name} that tell {names[0]} from {names[1]}"
        self.album.add("concept", plots.draw_selectivity(selectivity, names=names, title=title))
        if not self.text:
            self.text = "\n".join([*lists[0][:8], *lists[1][:8]])
        return selectivity, {"concept": selectivity.leaders(_LEADERS)}

    def _follow(self, neuron: Neuron | None, synapse: Synapse | None) -> dict[str, Any]:
        if neuron is None and synapse is None:
            return {}
        if not self.text:
            raise ConfigError("a neuron or synapse is followed through a text; give --text")
        tokens, numbers = self._tokens(), dict[str, Any]()
        words = words_of(tokens, self.tokenizer)
        if neuron is not None:
            values = follow_neuron(self.model, tokens, neuron)
            self.album.add("neuron", plots.draw_neuron(values, words, title=f"Neuron {neuron} of {self.name}"))
            numbers["neuron"] = {"neuron": neuron, "activity": values, "words": words}
        if synapse is not None:
            trace = follow_synapse(self.model, tokens, synapse)
            self.album.add("synapse", plots.draw_synapse(trace, words, title=f"Synapse {synapse} of {self.name}"))
            numbers["synapse"] = {"synapse": synapse, "trace": trace, "words": words}
        return numbers

    def _tokens(self) -> list[int]:
        return self.tokenizer.encode(self.text)[: self.arguments.max_tokens]


def _fit_or_none(degrees: "np.ndarray[Any, np.dtype[np.int64]]") -> TailFit | None:
    """Return the fit of a tail, or None for a graph that is too small."""
    try:
        return degree_tail(degrees)
    except InspectError:
        return None


def _parse_neuron(text: str) -> Neuron:
    parts = re.fullmatch(r"(\d+):([xy]):(\d+)", text)
    if parts is None:
        raise ConfigError(f"neuron is {text!r}; expected LAYER:x:INDEX or LAYER:y:INDEX, such as 2:y:1091")
    return Neuron(int(parts[1]), "x" if parts[2] == "x" else "y", int(parts[3]))


def _parse_synapse(text: str) -> Synapse:
    parts = text.split(":")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        raise ConfigError(f"synapse is {text!r}; expected LAYER:HEAD:I:J, such as 3:0:1091:867")
    return Synapse(*map(int, parts))


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); expected a text file in UTF-8") from error


def _plain(value: Any) -> Any:
    """Return numbers as JSON-able values; numbers that are not finite become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
