"""Where checkpoints are published: a place outside Postgres, so that a ledger rolled back with its database is found out."""

from collections.abc import Iterator

from upath import UPath

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.location import location


class CheckpointLog:
    """One text file a checkpoint, under any fsspec URL: `<url>/<organization_id>/<tree size>.txt`."""

    def __init__(self, url: str) -> None:
        self._root = location(url)

    def publish(self, organization_id: str, size: int, note: str) -> None:
        """Write a checkpoint once. What was published under its size before stays: two that differ are a fork to be found."""
        target = self._root / organization_id / f"{size:012}.txt"
        try:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                draft = target.with_name(f"{target.name}.draft")
                draft.write_text(note, encoding="utf-8")
                draft.rename(target)
        except OSError as problem:
            raise DependencyUnavailable(
                "a checkpoint cannot be published",
                expected=f"a writable place at {self._root}",
                found=str(problem),
                remedy="Check COMPLIANCE_CHECKPOINT_URL, its permissions and the free space.",
            ) from problem

    def sizes(self, organization_id: str) -> set[int]:
        """The tree sizes that were published."""
        return {size for size, _ in self._files(organization_id)}

    def notes(self, organization_id: str) -> list[str]:
        """Every published checkpoint, smallest tree first."""
        return [path.read_text(encoding="utf-8") for _, path in self._files(organization_id)]

    def _files(self, organization_id: str) -> Iterator[tuple[int, UPath]]:
        folder = self._root / organization_id
        for path in sorted(folder.glob("*.txt"), key=str) if folder.exists() else ():
            if path.stem.isdigit():
                yield int(path.stem), path
