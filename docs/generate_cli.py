"""Write docs/cli.md from the parsers of all commands."""

import argparse

from bdh.cli import make_parsers as make_bdh_parsers
from pipeline.commands.catalogue import make_parsers as make_pipeline_parsers

_HEAD = (
    "# Every command and flag\n\n"
    "Generated from the parsers by `make docs`; a test fails when this page and they differ. Where the package is "
    "installed, `novel-check COMMAND` is `python -m pipeline COMMAND`, `novel-check judge` is `python pipeline.py`, "
    "`novel-check dataset` is `python run_dataset.py`, and `bdh` is `python -m bdh`. Every flag "
    "may be written with hyphens as well as with underscores. An error is one line and exit status 2; `--version` in "
    "place of a command tells the version.\n\n"
    "A file given with `--config` may set every flag by its name (`lr = 1e-3`, `compile = true`, "
    "`decay = [0.9, 0.99]`); the command line wins, and a name that is not a flag is an error. A run of "
    "training writes such a file of itself, `settings.toml`, and `--resume` reads it.\n"
)
_PLAIN_GROUPS = ("positional arguments", "options")


def make_page() -> str:
    """Return the page for the present parsers."""
    _, commands = make_bdh_parsers()
    parsers: list[argparse.ArgumentParser] = [*make_pipeline_parsers().values(), *commands.values()]
    return "\n".join([_HEAD, *(_section(parser) for parser in parsers)])


def _section(parser: argparse.ArgumentParser) -> str:
    """Return the tables of a command, flags without a group first."""
    title = parser.prog if parser.prog.startswith("python") else f"python {parser.prog}"
    parts = [f"## `{title}`\n"]
    if parser.description:
        parts.append(f"{_sentence(parser.description)}\n")
    tables: dict[str, list[str]] = {"": []}
    for group in parser._action_groups:
        plain = group.title in (None, *_PLAIN_GROUPS)
        heading = "" if plain else ": ".join(filter(None, (group.title, group.description)))
        shown = [action for action in group._group_actions if not isinstance(action, argparse._HelpAction)]
        tables.setdefault(heading, []).extend(_row(action, parser) for action in shown)
    for heading, rows in tables.items():
        if rows:
            parts += [*([f"{_sentence(heading)}\n"] if heading else []), "| flag | meaning |\n|---|---|", *rows, ""]
    return "\n".join(parts)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _row(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
    meaning = parser._get_formatter()._expand_help(action) if action.help else ""
    choices = f" [{', '.join(map(str, action.choices))}]" if action.choices is not None else ""
    return f"| {names} | {(meaning + choices).replace('|', chr(92) + '|')} |"
