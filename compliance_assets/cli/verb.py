"""What every verb has: --json, --data-dir, errors in four parts, and the exit code.

Exit codes: 0 fine, 1 a check failed, 2 wrong use, 3 a dependency is not reachable.
"""

import contextlib
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compliance_assets import terminal
from compliance_assets.contracts.errors import ComplianceError
from resources.settings import Settings

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment

Result = tuple[object, Callable[[], None], int]  # what --json prints, what a person is shown, the exit code


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="compliance-assets")
def compliance() -> None:
    """Cited decisions over a firm's documents, with a ledger that proves each one."""


def verb(function: Callable[..., Result]) -> click.Command:
    """A command with --json and --data-dir, whose errors say what was expected, what was found and what to do."""
    return verb_of(compliance, function)


def verb_of(group: click.Group, function: Callable[..., Result]) -> click.Command:
    """The same within a group of verbs. A trailing underscore keeps a name apart from Python's own and is not typed."""

    @functools.wraps(function)
    def run(as_json: bool, data_dir: Path | None, **arguments: Any) -> None:
        try:
            with contextlib.ExitStack() as stack:
                payload, show, code = function(_deployment(data_dir, stack), **arguments)
        except ComplianceError as problem:
            payload, show, code = problem.as_dict(), functools.partial(terminal.show_error, problem), problem.exit_code
        if as_json:
            click.echo(json.dumps(payload, ensure_ascii=False, indent=2, default=str))
        else:
            show()
        sys.exit(code)

    command = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")(run)
    command = click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where everything is kept (default: $COMPLIANCE_DATA_DIR or .compliance/).",
    )(command)
    return group.command(name=function.__name__.rstrip("_").replace("_", "-"))(command)


def _deployment(data_dir: Path | None, stack: contextlib.ExitStack) -> "Deployment":
    """The deployment that the environment and --data-dir describe, its progress drawn on standard error."""
    from compliance_assets.deployment import Deployment
    from resources.progress import Terminal
    from resources.telemetry import contain

    settings = Settings.from_environment(data_dir=data_dir)
    contain(settings.data_dir)
    return Deployment(settings, progress=stack.enter_context(Terminal()))
