"""What a release serves with, as files: workloads, prompts, the router map, the policy. Pure.

A bundle is bytes by path, so that what was in production last year can be put back byte for byte. `workloads/NAME.json` and
`prompts/TEMPLATE.vN.txt` are as in this package, `router_map.json` is the map as it serves the organisation, `policies/…` are
the files that a policy engine evaluates. What a release pins beside them (chunker, embedder, index, code) is not files but what
runs, and is compared, not stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from compliance_assets.contracts.canonical import canonical_json, digest_of, sha256_hex
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.router_map import RouterMap, unrouted, untemplated
from compliance_assets.model_decisions.workloads import FOLDER, Workload, shipped_prompts, workload_of
from resources.policy_bundle import PolicyBundle

ROUTER_MAP = "router_map.json"
#: The prompts and workloads that came with the product: what an organisation's first release has to serve with. Written out, so
#: that an edit of a file does not release itself.
SHIPPED_PROMPTS = "4f4ca5f3fa5c123b4ae30a18cf0698af9569acc10ec90b8e0011eebf3666218f"
SHIPPED_WORKLOADS = "b01f7b1a480700779aeb0b33c363c60607ed997ff8b76778874f293badccbb8c"


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, beside the files: the versions of chunker, index parameters and code, the digests of embedder and golden set."""

    chunker: str
    embedder_digest: str
    index_parameters: str
    golden_set: str | None
    code_version: str


@dataclass(frozen=True)
class ReleaseBundle:
    """path -> bytes."""

    files: Mapping[str, bytes]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of {path: SHA-256 of the file}."""
        return digest_of({path: sha256_hex(content) for path, content in self.files.items()})

    @cached_property
    def workloads(self) -> dict[str, Workload]:
        """By name, in order. Raises InvalidInput, naming file and field."""
        prompts = self.under("prompts")
        return {
            name: workload_of(name, content, prompts)
            for name, content in sorted((f.removesuffix(".json"), c) for f, c in self.under("workloads").items())
        }

    @cached_property
    def router_map(self) -> RouterMap:
        """Raises InvalidInput for a map that is none."""
        try:
            return RouterMap.model_validate_json(self.files[ROUTER_MAP])
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            raise InvalidInput(
                "the release's router map is not usable",
                expected="a map of workloads to routes",
                found=f"{ROUTER_MAP}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}",
                remedy="Correct the file of the candidate.",
            ) from None

    @cached_property
    def policy(self) -> PolicyBundle:
        """The policy's files."""
        return PolicyBundle(tuple(sorted(self.under("policies").items())))

    @cached_property
    def prompt_version(self) -> str:
        """The digest of workload -> `TEMPLATE@VERSION:SHA-256 of the text`."""
        return digest_of(
            {
                name: f"{w.template}@{w.template_version}:{sha256_hex(w.template_text)}"
                for name, w in self.workloads.items()
            }
        )

    @cached_property
    def threshold_version(self) -> str:
        """The digest of workload -> digest: thresholds stand in the workloads, with all else that a decision is held against."""
        return digest_of({name: w.digest for name, w in self.workloads.items()})

    def workload(self, name: str) -> Workload:
        """Raises InvalidInput for a name that is not one of its workloads."""
        if name not in self.workloads:
            raise InvalidInput(
                "unknown workload",
                expected=" or ".join(self.workloads),
                found=repr(name),
                remedy="Give the name of a workload of the release in production.",
            )
        return self.workloads[name]

    def manifest(self, running: Running) -> Release:
        """The manifest that decisions pin: these files under what runs."""
        return Release(
            prompt_version=self.prompt_version,
            threshold_version=self.threshold_version,
            router_map=self.router_map.digest,
            policy_bundle=self.policy.policy_hash,
            chunker=running.chunker,
            embedder_digest=running.embedder_digest,
            index_parameters=running.index_parameters,
            golden_set=running.golden_set,
            code_version=running.code_version,
        )

    def under(self, folder: str) -> dict[str, bytes]:
        """The files below a folder, by their path in it."""
        prefix = f"{folder}/"
        return {path.removeprefix(prefix): content for path, content in self.files.items() if path.startswith(prefix)}

    def with_router_map(self, router_map: RouterMap) -> "ReleaseBundle":
        """The bundle with another map."""
        return self.with_files({ROUTER_MAP: _written(router_map)})

    def with_files(self, changed: Mapping[str, bytes]) -> "ReleaseBundle":
        """The bundle with files put over its own; prompts that no workload names are left out."""
        return _used({**self.files, **changed})


def _written(router_map: RouterMap) -> bytes:
    return canonical_json(router_map.model_dump(mode="json"))


def bundle_of(router_map: RouterMap, policy: PolicyBundle) -> ReleaseBundle:
    """The workloads and prompts of this package with a deployment's map and policy."""
    return _used(
        {
            **{f"workloads/{file.name}": file.read_bytes() for file in FOLDER.glob("*.json")},
            **{f"prompts/{name}": content for name, content in shipped_prompts().items()},
            ROUTER_MAP: _written(router_map),
            **{f"policies/{path}": content for path, content in policy.files},
        }
    )


def read_candidate(folder: Path, base: ReleaseBundle) -> ReleaseBundle:
    """The base with the files of a folder put over it: `workloads/`, `prompts/`, `router_map.json`, `policies/`.

    A folder with `policies/` replaces the whole policy: half of one would be neither. Raises InvalidInput for a folder without
    any of them, and for a file whose place is none of these.
    """
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
    strays = [path for path in found if path != ROUTER_MAP and path.split("/")[0] not in _FOLDERS]
    if strays or not found:
        raise InvalidInput(
            "the candidate is not usable",
            expected=f"a folder of {', '.join(_FOLDERS)} and {ROUTER_MAP}",
            found=", ".join(strays[:3]) or f"nothing under {folder}",
            remedy="Keep only the files that the candidate changes, each in its place.",
        )
    kept = {
        path: content
        for path, content in base.files.items()
        if not (path.startswith("policies/") and any(p.startswith("policies/") for p in found))
    }
    bundle = _used({**kept, **found})
    _require_fitting(bundle)
    return bundle.with_router_map(bundle.router_map)


def _require_fitting(bundle: ReleaseBundle) -> None:
    """Every workload has a route and every route a workload, with the template that it asks for."""
    misfits = {
        **{name: "it stands on one side alone" for name in unrouted(bundle.router_map, bundle.workloads)},
        **{name: "it has no template" for name in untemplated(bundle.router_map, bundle.workloads.values())},
    }
    for name, why in misfits.items():
        raise InvalidInput(
            "the candidate's routes and workloads do not fit together",
            expected="a route for every workload, and a template where the route asks for one",
            found=f"{name}: {why}",
            remedy=f"Correct {ROUTER_MAP} or the workload.",
        )


_FOLDERS = ("workloads", "prompts", "policies")


def _used(files: Mapping[str, bytes]) -> ReleaseBundle:
    """Without the prompts that no workload names: an old wording that lies beside is no part of what serves."""
    bundle = ReleaseBundle(files)
    named = {f"prompts/{workload.prompt.file}" for workload in bundle.workloads.values()}
    kept = {path: files[path] for path in sorted(files) if not path.startswith("prompts/") or path in named}
    return ReleaseBundle(kept)
