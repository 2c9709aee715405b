"""The `compliance` command: thin, one function a verb. Importing a module of verbs registers them."""

from compliance_assets.cli import corpus, duties, evaluate, evidence, judge, release, review, router, threshold, work  # noqa: F401
from compliance_assets.cli.verb import compliance as main  # noqa: F401
