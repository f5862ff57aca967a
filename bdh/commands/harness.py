"""``python -m bdh harness``: measure a model on tasks of lm-evaluation-harness."""

import argparse
import json
from pathlib import Path

from bdh.commands.extras import require
from bdh.commands.models import add_model_flag, open_model
from bdh.files import write_text
from bdh.training.distributed import DEVICES, choose_device


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    add_model_flag(parser)
    parser.add_argument("--tasks", required=True, help="names of tasks, separated by commas")
    parser.add_argument("--include", help="folder of your own tasks, as YAML files of the harness")
    parser.add_argument("--num_fewshot", type=int, help="solved examples in each context; default: that of the task")
    parser.add_argument("--limit", type=int, help="examples of each task; default: all")
    parser.add_argument("--device", default="auto", help=DEVICES)
    parser.add_argument("--out", help="JSON file of the results to write")


def run(arguments: argparse.Namespace) -> int:
    """Measure, and print the harness's own table."""
    require("lm-eval")
    from bdh.harness import run_tasks

    model, tokenizer = open_model(arguments.model, device=choose_device(arguments.device))
    tasks = [name.strip() for name in arguments.tasks.split(",") if name.strip()]
    done = run_tasks(
        model, tokenizer, tasks, include=arguments.include, shots=arguments.num_fewshot, limit=arguments.limit
    )
    print(done["table"])
    if arguments.out:
        write_text(Path(arguments.out), json.dumps(done["results"], indent=2, default=str) + "\n")
    return 0
