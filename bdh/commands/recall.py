"""``python -m bdh recall``: what the memory of a model holds, as a curve over the distance and one line."""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from bdh.commands.extras import require
from bdh.commands.models import add_model_flag, open_model
from bdh.files import write_text
from bdh.recall import LONGEST, Recall, measure_recall
from bdh.training.data import read_texts
from bdh.training.distributed import DEVICES, choose_device


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    add_model_flag(parser)
    parser.add_argument("--longest", type=int, default=LONGEST, help="longest distance, in tokens")
    parser.add_argument("--trials", type=int, default=4, help="texts, each with eight facts and four words")
    parser.add_argument("--text", help="a text file to read between facts and questions; default: made-up sentences")
    parser.add_argument("--seed", type=int, default=0, help="chooses facts, words and streams")
    parser.add_argument("--out", help="folder of recall.json and the plot; default: recall/ in the model's folder")
    parser.add_argument(
        "--format", default="both", choices=["png", "svg", "both", "none"], help="file format of the plot, if any"
    )
    parser.add_argument("--device", default="auto", help=DEVICES)


def run(arguments: argparse.Namespace) -> int:
    """Measure, write the numbers and the plot, and print the files and the result in one line."""
    if arguments.format != "none":
        require("plots")
    model, tokenizer = open_model(arguments.model, device=choose_device(arguments.device))
    filler = None if arguments.text is None else "\n".join(read_texts(arguments.text))
    with tqdm(total=arguments.longest * (arguments.trials + 1), unit="token") as bar:
        recall = measure_recall(
            model,
            tokenizer,
            longest=arguments.longest,
            trials=arguments.trials,
            seed=arguments.seed,
            filler=filler,
            on_progress=bar.update,
        )
    for path in _write(recall, arguments):
        print(path)
    print(recall.line())
    return 0


def _write(recall: Recall, arguments: argparse.Namespace) -> list[Path]:
    """Write recall.json and the plot; return the files."""
    source = Path(arguments.model)
    folder = Path(arguments.out) if arguments.out else (source if source.is_dir() else Path()) / "recall"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recall.json"
    settings = {name: getattr(arguments, name) for name in ("model", "longest", "trials", "seed", "text")}
    write_text(path, json.dumps(settings | recall.to_dict(), indent=1) + "\n")
    if arguments.format == "none":
        return [path]
    from bdh import plots

    album = plots.PlotFolder(folder, plots.FORMATS if arguments.format == "both" else (arguments.format,))
    album.add("recall", plots.draw_recall(recall, title=f"Recall of {source.resolve().name}"))
    return [path, *album.files]
