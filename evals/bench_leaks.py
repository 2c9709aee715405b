"""`make bench-leaks`: random scoped searches over organisations, years and categories, and what of their hits lies outside.

Every organisation has the same passages with the same vectors in each of its years, under ids of its own: what must not be found
is as near as what must. A search asks as one organisation for a year, in a category or in none, and half of them opt into other
years. A hit is a leak if its document is not the organisation's own, of a year that was asked for, and of the category; and a
hit whose record does not name the scope and the years opted into counts as unrecorded.
"""

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.year_index.build import build_year
from compliance_assets.year_index.exact import half
from compliance_assets.year_index.parameters import IndexRule
from compliance_assets.year_index.pgvector_store import PgvectorStore
from compliance_assets.year_index.search import Asked, search
from evals.generated_corpus import CATEGORIES, ClusteredVectors, store_passages, words
from evals.scratch_deployment import scratch_deployment

YEARS = (2019, 2020, 2021, 2022, 2023)
YEARS_SERVED = range(2018, 2025)  # some have no index
ORGANISATIONS = 4
SMALL, LARGE = 600, 3_000  # passages of a year: one is scanned, the other has a graph
RULE = IndexRule(exact_up_to=1_000)
FORK = multiprocessing.get_context("fork")
Places = Mapping[str, tuple[str, int, str]]


@click.command()
@click.option("--queries", default=100_000, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/leaks.json"), show_default=True)
def main(queries: int, workers: int, out: Path) -> None:
    """Count and print; the counts go to OUT. Fails where there is a leak."""
    with scratch_deployment() as first:
        tenants = [_tenant(first, number) for number in range(ORGANISATIONS)]
        places = {doc_id: place for tenant in tenants for doc_id, place in _filled(tenant).items()}
        started = time.monotonic()
        shares = [queries // workers + (worker < queries % workers) for worker in range(workers)]
        counted = _asked(tenants, places, shares)
        seconds = time.monotonic() - started
    found = {
        "queries": queries,
        "organisations": ORGANISATIONS,
        "years_with_an_index": list(YEARS),
        "categories": len(CATEGORIES),
        "documents": len(places),
        "seconds": round(seconds, 1),
        **{name: counted[name] for name in (*_COUNTED, *_WRONG)},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    for name, value in found.items():
        click.echo(f"{name.replace('_', ' '):<28}{value if isinstance(value, list) else f'{value:>12,}'}")
    click.echo(f"written: {out}")
    if any(counted[name] for name in _WRONG):
        raise SystemExit("a search left its scope")


_COUNTED = (
    "hits",
    "queries_with_opt_in_years",
    "queries_in_a_category",
    "hits_of_opt_in_years",
    "queries_without_a_hit",
)
_WRONG = ("of_another_organisation", "of_a_year_not_asked_for", "of_another_category", "opt_in_not_recorded")


def _tenant(first: Deployment, number: int) -> Deployment:
    """An organisation of its own on the same server, in the same database."""
    assert first.postgres.embedded is not None
    settings = replace(
        first.settings,
        organization_id=f"00000000-0000-4000-8000-{number + 1:012}",
        database_url=first.postgres.embedded.start(),
        years=tuple(YEARS_SERVED),
    )
    made = Deployment(settings)
    made.prepare()
    return made


def _filled(tenant: Deployment) -> Places:
    """Every organisation is given the same; document -> (organisation, year, category), as they were given."""
    for year in YEARS:
        size = LARGE if year % 2 else SMALL
        store_passages(tenant, year, ClusteredVectors(size), size)
        version = chunker_for(tenant.embedder).version
        report = build_year(
            tenant.postgres, tenant.keyring, tenant.embedder, version, year, vectors=PgvectorStore(RULE)
        )
        assert not report.findings
    with tenant.postgres.connect() as conn:
        rows = conn.execute("SELECT filing_id, year, filer_category FROM compliance.documents").fetchall()
    return {doc_id: (tenant.postgres.organization_id, year, category) for doc_id, year, category in rows}


def _asked(tenants: Sequence[Deployment], places: Places, shares: Sequence[int]) -> Counter[str]:
    results: Any = FORK.Queue()
    workers = [
        FORK.Process(target=_ask, args=(tenants, places, seed, count, results)) for seed, count in enumerate(shares)
    ]
    for worker in workers:
        worker.start()
    counted: Counter[str] = sum((results.get() for _ in workers), Counter())
    for worker in workers:
        worker.join()
    return counted


def _ask(tenants: Sequence[Deployment], places: Places, seed: int, count: int, results: Any) -> None:
    """Searches of one process, an organisation after the other; a session is one organisation's for life."""
    dice, counted = np.random.default_rng(seed), Counter[str]()
    vectors = [half(vector) for vector in ClusteredVectors(LARGE).draw(2_000, 10**9 + seed)[0]]
    texts = words(len(vectors), 8, 10**9 + seed)
    for number, tenant in enumerate(tenants):
        fresh = Deployment(tenant.settings)
        with fresh.postgres.connect() as conn:
            for _ in range(count // len(tenants) + (number < count % len(tenants))):
                scope, at = _random_scope(dice), int(dice.integers(len(vectors)))
                asked = Asked(texts[at], scope, "caller", (texts[at],), (vectors[at],), fresh.embedder)
                found = search(conn, asked)
                conn.commit()
                _count(counted, places, tenant.postgres.organization_id, scope, [one.hit for one in found])
    results.put(counted)


def _random_scope(dice: np.random.Generator) -> RetrievalScope:
    opted = dice.choice(YEARS_SERVED, size=dice.integers(1, 4), replace=False) if dice.random() < 0.5 else ()
    category = str(dice.choice(CATEGORIES)) if dice.random() < 0.6 else None
    return RetrievalScope(
        year=int(dice.choice(YEARS_SERVED)), filer_category=category, opt_in_years=tuple(map(int, opted))
    )


def _count(
    counted: Counter[str], places: Places, organisation: str, scope: RetrievalScope, hits: Sequence[Any]
) -> None:
    counted["hits"] += len(hits)
    counted["queries_with_opt_in_years"] += bool(scope.opt_in_years)
    counted["queries_in_a_category"] += scope.filer_category is not None
    counted["queries_without_a_hit"] += not hits
    for hit in hits:
        owner, year, category = places[hit.doc_id]
        counted["of_another_organisation"] += owner != organisation
        counted["of_a_year_not_asked_for"] += year not in {scope.year, *scope.opt_in_years}
        counted["of_another_category"] += scope.filer_category not in (None, category)
        counted["hits_of_opt_in_years"] += year != scope.year
        counted["opt_in_not_recorded"] += (hit.method.opt_in_years, hit.method.scope) != (scope.opt_in_years, scope)


if __name__ == "__main__":
    main()
