"""Everything that evidence is made from."""

from dataclasses import dataclass

from resources.checkpoint_log import CheckpointLog
from resources.clock import Clock
from resources.keyring import Keyring
from resources.object_store import ObjectStore
from resources.postgres import Postgres
from resources.providers import Models
from resources.settings import Settings


@dataclass(frozen=True, slots=True)
class Archive:
    """The record and what opens it. `models` are asked again only by a requery."""

    settings: Settings
    postgres: Postgres
    keyring: Keyring
    objects: ObjectStore
    checkpoint_log: CheckpointLog
    models: Models
    clock: Clock
