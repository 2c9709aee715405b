"""Notification: what people and systems are told of an event. Ids, codes and counts; never a document's or an answer's text."""

import re
from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.canonical import canonical_json, content_id
from compliance_assets.contracts.data_subject import data_subjects_in

NotificationVersion = Literal["1"]
EventKind = Literal[
    "quarantine_opened",
    "policy_denied",
    "provider_fallback",
    "provider_error",
    "redaction_hit",
    "budget_warning",
    "budget_exceeded",
]
#: What stands in an outbox until it is known whom the event is for.
EVERYBODY = "*"
_CODE = re.compile(r"[A-Za-z0-9_.:/@+\-]{0,200}")
#: A digest may hold eleven digits in a row; they are nobody's unless they stand alone.
_PARTS = re.compile(r"[:/@+_]")


class Notification(Contract):
    """`event_id` is the same for every receiver and every attempt. `created_at` is RFC 3339 in UTC.

    `data` are the event's particulars, each a number, a truth value or a code: letters, digits and `_.:/@+-`, without a
    space, so that no sentence fits, and no CPF.
    """

    schema_version: NotificationVersion = "1"
    event: EventKind
    event_id: str
    organization_id: str
    subject_id: str
    created_at: datetime
    data: dict[str, str | int | float | bool | None] = Field(default_factory=dict)

    @field_validator("subject_id")
    @classmethod
    def _subject_is_an_id(cls, subject_id: str) -> str:
        return _code(subject_id)

    @field_validator("data")
    @classmethod
    def _data_are_codes(
        cls, data: dict[str, str | int | float | bool | None]
    ) -> dict[str, str | int | float | bool | None]:
        for name, value in data.items():
            _code(name)
            _code(str(value))
        return data

    @property
    def body(self) -> str:
        """Its canonical JSON: what is stored, signed and sent."""
        return canonical_json(self.model_dump(mode="json")).decode()


def event_id_of(event: str, subject_id: str) -> str:
    """The same event about the same subject is told once."""
    return content_id("evt", event, subject_id)


def notification_id_of(event_id: str, target: str) -> str:
    """A row of the outbox: an event for one target, or for EVERYBODY before it is known whom it is for."""
    return content_id("ntf", event_id, target)


def _code(text: str) -> str:
    parts = [part for part in _PARTS.split(text) if not any(character.isalpha() for character in part)]
    if not _CODE.fullmatch(text) or any(map(data_subjects_in, parts)):
        raise ValueError("a notification carries ids, codes and counts alone")
    return text
