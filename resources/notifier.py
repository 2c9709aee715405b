"""Tells people: by mail, chat, pager or whatever else an Apprise URL names (https://appriseit.com/services/)."""

import hashlib
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput

if TYPE_CHECKING:
    from apprise import Apprise

SECONDS = 20.0  # of one service, with whatever it tries again by itself


@dataclass(frozen=True, slots=True)
class Notifier:
    """One service of one URL, so that each is told, and tried again, by itself."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """The service and a digest of the URL, which is as secret as a password."""
        return f"apprise {self.url.partition('://')[0]} {hashlib.sha256(self.url.encode()).hexdigest()[:12]}"

    def send(self, title: str, text: str) -> None:
        """Hand over a message. Raises InvalidInput for a URL that names no service, DependencyUnavailable when it is not taken."""
        service = self._service()
        if not service.notify(title=title, body=text):
            raise DependencyUnavailable(
                "a notification was not taken",
                expected=f"{self.name} to take it",
                found="a refusal or no answer",
                remedy="Make the service reachable, or correct COMPLIANCE_NOTIFY_URLS; it is sent again.",
            )

    def _service(self) -> "Apprise":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the standard library, by one of its plugins
            from apprise import Apprise, AppriseAsset

            # Nothing of its own goes out with a message, nothing is kept on disk, nothing is passed on to another host.
            asset = AppriseAsset(
                app_id="Compliance", app_desc="Compliance", app_url="", image_url_mask="", image_url_logo="",
                async_mode=False, http_redirects=False, storage_mode="memory", service_timeout=SECONDS,
                secure_logging=True, allow_templates=False, pgp_autogen=False, pem_autogen=False,
            )  # fmt: skip
            service = Apprise(asset=asset)
            known = service.add(self.url)
        if not known:
            raise InvalidInput(
                "a notification's URL names no service",
                expected="an Apprise URL, for example mailtos://… or slack://…",
                found=self.name,
                remedy="Correct it in COMPLIANCE_NOTIFY_URLS.",
            )
        return service
