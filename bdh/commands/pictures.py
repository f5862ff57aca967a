"""Which pictures a run, a model or a log gives, and the numbers that they are drawn from."""

import argparse
import json
import os
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bdh import checkpoint, plots
from bdh.curves import Curve, read_log, read_metrics
from bdh.errors import ConfigError, DataError, InspectError
from bdh.inspect.activity import (
    KINDS,
    Neuron,
    Sizes,
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
from bdh.plots import Album
from bdh.training.distributed import choose_device

_LEADERS = 100


def draw_all(source: Path, out: Path, formats: Sequence[str], arguments: argparse.Namespace) -> list[Path]:
    """Draw all that ``source`` has into ``out``, numbers.json beside the pictures; return the files.

    Raises DataError when there is neither a run nor a model nor a log.
    """
    album = Album(out, formats)
    numbers: dict[str, Any] = {}
    if arguments.file:
        numbers |= _draw_curves(album, read_log(source), source.name)
    else:
        metrics, model = source / "metrics.jsonl", _model_folder(source)
        if metrics.is_file():
            numbers |= _draw_curves(album, read_metrics(metrics), source.name)
        elif model is None:
            raise DataError(f"{source} is no run and no model; expected metrics.jsonl, or config.json and weights")
        if model is not None:
            numbers |= _Studio(album, model, arguments).draw()
    path = out / "numbers.json"
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(_plain(numbers), indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return [*album.files, path]


def _model_folder(source: Path) -> Path | None:
    """Return the folder with the model: the source itself, or a run's best checkpoint, or its last one."""
    folders = (source, source / "best", source / "last")
    return next((folder for folder in folders if (folder / "config.json").is_file()), None)


def _draw_curves(album: Album, curves: dict[str, Curve], name: str) -> dict[str, Any]:
    if "loss" in curves or "val_loss" in curves:
        album.add("loss", plots.draw_losses(curves, title=f"Loss of {name}"))
    course = plots.draw_course(curves, title=f"Course of {name}")
    if course is not None:
        album.add("training", course)
    return {"curves": curves}


class _Studio:
    """One model and what the flags ask to be drawn of it."""

    def __init__(self, album: Album, folder: Path, arguments: argparse.Namespace) -> None:
        self.album, self.arguments, self.name = album, arguments, folder.resolve().name
        self.model, self.tokenizer = checkpoint.load(folder, device=choose_device(arguments.device))
        self.sizes = Sizes.of(self.model)
        self.text = _read(arguments.text) if arguments.text else ""

    def draw(self) -> dict[str, Any]:
        """Draw everything, and return the numbers by the name of the picture."""
        numbers = self._draw_weights() | self._draw_graph()
        if self.arguments.text:
            numbers |= self._draw_activity()
        neuron = _parse_neuron(self.arguments.neuron) if self.arguments.neuron else None
        synapse = _parse_synapse(self.arguments.synapse) if self.arguments.synapse else None
        if self.arguments.concept_a:
            selectivity, more = self._draw_concept()
            numbers |= more
            neuron = neuron or max((selectivity.best(kind) for kind in KINDS), key=selectivity.of)
            if synapse is None and self.sizes.layers > 1:
                synapse = selectivity.best_synapse(self.sizes.neurons)
        return numbers | self._follow(neuron, synapse)

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
    """Return the fit of a tail, or None for a graph too small to have one."""
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
    """Return numbers as JSON holds them; what is not finite becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
