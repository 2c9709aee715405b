"""Which release decides: the one in production, under the code that it was evaluated with. The first is installed openly."""

from dataclasses import dataclass

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.decide import code_version
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.releases import store
from compliance_assets.model_decisions.releases.bundle import SHIPPED_PROMPTS, SHIPPED_WORKLOADS, Running
from compliance_assets.model_decisions.releases.store import Moved, Production
from compliance_assets.model_decisions.router_map import approval_of, require_approved
from compliance_assets.model_decisions.router_store import approvals, approve_shipped
from compliance_assets.year_index.parameters import RULE
from resources.embedder import Embedder
from resources.postgres import Connection
from resources.reranker import Reranker

INSTALLER = "compliance-assets"


@dataclass(frozen=True, slots=True)
class Served:
    """The release in production, and a desk that decides with its files."""

    desk: Desk
    release: Release
    moved: Moved


def running_of(embedder: Embedder, golden_set: str | None = None, reranker: Reranker | None = None) -> Running:
    """What runs here beside the files."""
    searched = RULE.digest if reranker is None else digest_of([RULE.digest, reranker.name])
    return Running(
        chunker=chunker_for(embedder).version,
        embedder_digest=embedder.digest,
        index_parameters=searched,
        golden_set=golden_set,
        code_version=code_version(),
    )


def served(desk: Desk, conn: Connection) -> Served:
    """The release in production, the working tree's where none was yet: that is installed in the caller's transaction.

    Raises IntegrityError where the pointer was moved by hand, DependencyUnavailable where other code runs than the release was
    evaluated with, InvalidInput where the first release would not be the shipped one.
    """
    production = store.production(conn, desk.keyring) or _installed(desk, conn)
    _require_running(desk, production)
    return Served(desk.with_bundle(production.bundle), production.release, production.moved)


def _installed(desk: Desk, conn: Connection) -> Production:
    """The first release: prompts and workloads as they were shipped, with the firm's own policy and its approved routes.

    The map that came with the product is approved by it when it first serves, on the record. Of two that come first at once
    one installs, and the other finds what it installed.
    """
    store.hold_pointer(conn)
    if (meanwhile := store.production(conn, desk.keyring)) is not None:
        return meanwhile
    bundle = desk.bundle
    found = {"prompts": bundle.prompt_version, "workloads": bundle.threshold_version}
    expected = {"prompts": SHIPPED_PROMPTS, "workloads": SHIPPED_WORKLOADS}
    if changed := [name for name in expected if found[name] != expected[name]]:
        raise InvalidInput(
            "nothing is in production, and what stands here was never evaluated",
            expected="the prompts and workloads that came with the product, for the first release",
            found=f"other {' and '.join(changed)}",
            remedy="Install the product as it was shipped; then evaluate and promote the change.",
        )
    if approval_of(bundle.router_map, approvals(conn)) is None:
        approve_shipped(conn, desk.keyring, bundle.router_map, desk.clock)
    approval = require_approved(bundle.router_map, approvals(conn))
    release = bundle.manifest(running_of(desk.embedder, reranker=desk.reranker))
    store.keep(conn, release, bundle)
    body: dict[str, object] = {"manifest": release.model_dump(mode="json"), "router_map_approver": approval.approver}
    at = desk.clock()
    store.move(conn, desk.keyring, "release_installed", release.release_id, body, INSTALLER, at, instead_of=None)
    production = store.production(conn, desk.keyring)
    assert production is not None
    return production


def _require_running(desk: Desk, production: Production) -> None:
    pinned = production.release
    running = running_of(desk.embedder, pinned.golden_set, desk.reranker)
    differing = {
        name: (getattr(pinned, name), getattr(running, name))
        for name in ("chunker", "embedder_digest", "index_parameters", "code_version")
        if getattr(pinned, name) != getattr(running, name)
    }
    if differing:
        raise DependencyUnavailable(
            "what runs here is not what the release in production was evaluated with",
            expected="; ".join(f"{name} {was}" for name, (was, _) in differing.items()),
            found="; ".join(f"{name} {now}" for name, (_, now) in differing.items()),
            remedy="Run what the release names, or evaluate and promote a release with what runs. Work stays queued meanwhile.",
        )
