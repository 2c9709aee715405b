"""What of a release stands in MLflow's registries: its prompts by their text, its thresholds by reference.

Names are those of workloads and models; nothing of a document, a question or a person is among what is registered.
"""

from string import Formatter

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from compliance_assets.model_decisions.workloads import Workload
from resources.mlflow_registries import PREFIX, Registered, Version
from resources.tracking import Tracking

#: What the renderer fills in, each at one place (model_decisions/prompt.py).
PLACEHOLDERS = ("scope", "question", "passages")


def prompts_of(bundle: ReleaseBundle) -> dict[str, Registered]:
    """Workload -> its prompt's text."""
    return {
        name: Registered(
            PREFIX + name,
            sha256_hex(workload.template_text),
            {"workload": name, "template": f"{workload.template}@{workload.template_version}"},
            workload.template_text,
        )
        for name, workload in bundle.workloads.items()
    }


def thresholds_of(bundle: ReleaseBundle) -> dict[str, Registered]:
    """Workload -> its thresholds: the file that states them stays where it is, the digest is of the two numbers."""
    return {
        name: Registered(
            f"{PREFIX}{name}.thresholds",
            digest_of(thresholds := workload.thresholds.model_dump(mode="json")),
            {"workload": name, **{key: _number(value) for key, value in thresholds.items()}},
        )
        for name, workload in bundle.workloads.items()
    }


def entries_of(bundle: ReleaseBundle) -> tuple[Registered, ...]:
    """Everything that a release has in the registries."""
    return (*prompts_of(bundle).values(), *thresholds_of(bundle).values())


def expected_aliases(bundle: ReleaseBundle) -> dict[str, str]:
    """What `Tracking.aliases` answers while the mirror shows the release with these files."""
    return {entry.name: entry.sha256 for entry in entries_of(bundle)}


def mirror_production(tracking: Tracking, release_id: str, bundle: ReleaseBundle) -> tuple[Version, ...]:
    """Show the release in production in MLflow. Raises DependencyUnavailable; the pointer does not wait for it."""
    return tracking.mirror_production(release_id, entries_of(bundle))


def unfilled(workload: Workload) -> str | None:
    """Why the renderer cannot fill the workload's prompt in as it is meant, None where it can."""
    try:
        parts = [part for part in Formatter().parse(workload.template_text) if part[1] is not None]
    except ValueError as problem:
        return str(problem)
    names = [str(name) for _, name, _, _ in parts]
    problems = [f"{{{name}}} {names.count(name)} times" for name in PLACEHOLDERS if names.count(name) != 1]
    problems += [f"{{{name}}}, which nothing fills" for name in names if name not in PLACEHOLDERS]
    problems += [f"{{{name}}} with a format" for _, name, spec, conversion in parts if spec or conversion]
    return ", ".join(problems) or None


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"
