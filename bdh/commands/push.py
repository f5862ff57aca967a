"""``python -m bdh push``, and uploads during training."""

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from bdh.commands.extras import require
from bdh.errors import ConfigError, DataError, HubError

_LOG = logging.getLogger(__name__)
_TOKEN = "the token comes from HF_TOKEN or the hub's own login"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.set_defaults(run=run)
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--repo_id", "--hub_repo_id", "--hf_repo_id", required=True, help=f"user/name; {_TOKEN}")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--endpoint", help="address of the hub; default: HF_ENDPOINT, or the public hub")
    parser.add_argument("--metrics", help="JSON file of metrics for the model card; default: those of the run")
    parser.add_argument("--message", default="Upload a BDH model", help="commit message")


def run(arguments: argparse.Namespace) -> int:
    """Upload one folder, and print its address."""
    require("hub")
    from bdh.hub import push_to_hub

    folder = Path(arguments.model)
    metrics = read_metrics(Path(arguments.metrics)) if arguments.metrics else metrics_of_run(folder)
    address = push_to_hub(
        folder,
        arguments.repo_id,
        metrics=metrics,
        endpoint=arguments.endpoint,
        private=arguments.private or None,
        message=arguments.message,
    )
    print(f"{folder} is at {address}")
    return 0


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the mapping in a JSON file, such as ``evaluate`` prints."""
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); expected a JSON mapping of names to numbers") from error
    if not isinstance(metrics, dict):
        raise DataError(f"{path} contains a {type(metrics).__name__}; expected a JSON mapping of names to numbers")
    return metrics


def metrics_of_run(folder: Path) -> dict[str, Any] | None:
    """Return the metrics of the checkpoint ``folder`` from its run, or None if it is not in a run."""
    path = folder.parent / "metrics.jsonl"
    if not path.is_file():
        return None
    try:
        records = [dict(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); restore it, or give --metrics") from error
    validated = [record for record in records if record.get("val_loss") is not None]
    if folder.name == "best" and validated:
        return min(validated, key=lambda record: float(record["val_loss"]))
    return records[-1] if records else None


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags for uploads during training."""
    group = parser.add_argument_group("hub")
    group.add_argument("--push_to_hub", action="store_true", help="upload each checkpoint")
    group.add_argument("--hub_repo_id", "--hf_repo_id", help=f"user/name; {_TOKEN}")
    group.add_argument("--hub_private", action="store_true", help="make a new repository private")
    group.add_argument("--hub_endpoint", help="address of the hub; default: HF_ENDPOINT, or the public hub")


class Uploads:
    """Upload each checkpoint; failures are only logged, but ``finish`` raises that of the last upload."""

    def __init__(self, repo_id: str, *, endpoint: str | None = None, private: bool | None = None) -> None:
        self._repo_id, self._endpoint, self._private = repo_id, endpoint, private
        self._failure: HubError | None = None

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> "Uploads | None":
        """Return the uploads that the training flags ask for, or None; raises ConfigError without a repository name."""
        if not arguments.push_to_hub:
            return None
        require("hub")
        if not arguments.hub_repo_id:
            raise ConfigError("push_to_hub is on but hub_repo_id is missing; name the repository, user/name")
        return cls(arguments.hub_repo_id, endpoint=arguments.hub_endpoint, private=arguments.hub_private or None)

    def send(self, folder: Path, *, step: int) -> None:
        """Upload a run's checkpoint with its metrics; log a warning when that fails."""
        from bdh.hub import push_to_hub

        where: dict[str, Any] = {"endpoint": self._endpoint, "private": self._private}
        metrics = metrics_of_run(folder)
        try:
            push_to_hub(folder, self._repo_id, metrics=metrics, message=f"Step {step}", **where)
        except HubError as error:
            self._failure = error
            _LOG.warning("step %d was not uploaded: %s", step, error)
        else:
            self._failure = None

    def finish(self) -> None:
        """Raise the HubError of the last checkpoint, if its upload failed."""
        if self._failure is not None:
            raise self._failure
