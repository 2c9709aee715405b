"""Secrets by URL: a file that only its owner reads, AWS Secrets Manager, Azure Key Vault.

No error holds any part of a secret, nor of an answer that might be one; the SDKs' own errors do, so none is chained to ours.
The SDKs load where they are needed.
"""

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput

if TYPE_CHECKING:
    from azure.core.pipeline.policies import RetryPolicy
    from azure.keyvault.secrets import SecretClient

CONNECT_SECONDS = 5
READ_SECONDS = 10
ATTEMPTS = 3
#: What the SDKs raise over an answer that does not speak their protocol.
_TRIPPED = (AttributeError, LookupError, TypeError, ValueError)
#: However long a server asks us to wait before the next attempt.
LONGEST_WAIT_SECONDS = 5

#: scheme -> how its URLs look
FORMS = {
    "file": "file:///PATH",
    "aws-secretsmanager": "aws-secretsmanager://REGION/NAME",
    "azure-keyvault": "azure-keyvault://VAULT_HOST/NAME[/VERSION]",
}
_PLACES = {
    "file": re.compile(r"(?:localhost)?(/[^?#]+)"),
    "aws-secretsmanager": re.compile(r"([a-z]+(?:-[a-z0-9]+)+)/([A-Za-z0-9/_+=.@:!-]{1,2048})"),
    "azure-keyvault": re.compile(r"([A-Za-z0-9.-]+(?::[0-9]{1,5})?)/([A-Za-z0-9-]{1,127})(?:/([A-Za-z0-9]{1,64}))?"),
}
_AWS_REMEDY = (
    "Check the region and the name, AWS_ENDPOINT_URL, and that the credentials which boto3 finds may call"
    " secretsmanager:GetSecretValue (and kms:Decrypt on the secret's key)."
)
_AZURE_REMEDY = (
    "Check the vault's host, the name and the vault's firewall, and that the identity which DefaultAzureCredential finds"
    " has the role Key Vault Secrets User."
)


def read_secret(url: str) -> str:
    """The text of the secret that a URL names. Raises InvalidInput for another URL, DependencyUnavailable where there is none.

    `file:///PATH` must have mode 0600. `aws-secretsmanager://REGION/NAME` is read with boto3, which honours
    AWS_ENDPOINT_URL; `azure-keyvault://VAULT_HOST/NAME[/VERSION]` over HTTPS, as whoever DefaultAzureCredential finds.
    """
    scheme, place = _split(url)
    if scheme == "aws-secretsmanager":
        return _from_aws(url, region=place[1], name=place[2])
    if scheme == "azure-keyvault":
        return _from_azure(url, host=place[1], name=place[2], version=place[3])
    text = private_text(Path(unquote(place[1])), "the secret")
    return _missing(url, "no such file", "Check the path.") if text is None else text


def private_text(path: Path, what: str) -> str | None:
    """A file's text, None where there is no file. Raises DependencyUnavailable where others may read it, or we may not."""
    try:
        # Bytes that are no UTF-8 can only stand in comments; they survive a rewrite.
        with path.open(encoding="utf-8", errors="surrogateescape") as handle:
            _refuse_shared(path, what, os.fstat(handle.fileno()).st_mode & 0o777)
            return handle.read()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise DependencyUnavailable(
            f"{what} cannot be read",
            expected=f"a file at {path} that this process may read",
            found=problem.strerror or type(problem).__name__,
            remedy="Check the path, and whose the file is.",
        ) from problem


def _refuse_shared(path: Path, what: str, mode: int) -> None:
    if mode & 0o077:
        raise DependencyUnavailable(
            f"{what} is readable by others", expected="mode 0600", found=oct(mode), remedy=f"chmod 600 {path}"
        )


def _split(url: str) -> tuple[str, re.Match[str]]:
    """The scheme, and what stands behind it. An error repeats nothing else: what is no URL may be the secret itself."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in FORMS:
        named = separator and re.fullmatch("[a-z][a-z0-9+.-]{0,31}", scheme)
        raise InvalidInput(
            "the place of the secret is not usable",
            expected=", ".join(FORMS.values()),
            found=f"{scheme}://…" if named else "no such scheme",
            remedy="Set the URL to one of them.",
        )
    place = _PLACES[scheme].fullmatch(rest)
    if place is None or "\0" in unquote(rest):
        raise InvalidInput(
            "the place of the secret is not usable",
            expected=FORMS[scheme],
            found=f"{scheme}:// and {len(rest)} characters that do not fit",
            remedy="Write it so, without credentials: those come from where the vendor's SDK looks for them.",
        )
    return scheme, place


def _from_aws(url: str, *, region: str, name: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with closing(_aws_client(region)) as client:
            answer = client.get_secret_value(SecretId=name)
    except ClientError as problem:
        code = problem.response.get("Error", {}).get("Code", "unknown")
        status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        found = f"{code} (HTTP {status})"
    except (BotoCoreError, *_TRIPPED) as problem:
        found = type(problem).__name__
    else:
        if isinstance(text := answer.get("SecretString"), str):
            return text
        found = "a binary secret" if "SecretBinary" in answer else "an answer without a text"
    _missing(url, found, _AWS_REMEDY)


def _aws_client(region: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    return boto3.session.Session().client("secretsmanager", region_name=region, config=config)


def _from_azure(url: str, *, host: str, name: str, version: str | None) -> str:
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        with _vault(f"https://{host}") as vault:
            text = vault.get_secret(name, version).value
    except HttpResponseError as problem:
        found = type(problem).__name__ + (f" (HTTP {problem.status_code})" if problem.status_code else "")
    except (AzureError, *_TRIPPED) as problem:  # ValueError also where a vault wants a token that is not for it
        found = type(problem).__name__
    else:
        if isinstance(text, str):
            return text
        found = "an answer without a text"
    _missing(url, found, _AZURE_REMEDY)


@contextmanager
def _vault(vault_url: str) -> Iterator["SecretClient"]:
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    timeouts = {"connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
    with (
        DefaultAzureCredential(process_timeout=READ_SECONDS, **timeouts) as credential,
        SecretClient(
            vault_url, credential, retry_policy=_bounded_retries(), permit_redirects=False, **timeouts
        ) as client,
    ):
        yield client


def _bounded_retries() -> "RetryPolicy[Any, Any]":
    from azure.core.pipeline.policies import RetryPolicy

    class Bounded(RetryPolicy[Any, Any]):
        """The SDK's own policy waits as long as a Retry-After says."""

        def get_retry_after(self, response: Any) -> float | None:
            asked = super().get_retry_after(response)
            return None if asked is None else min(asked, LONGEST_WAIT_SECONDS)

    return Bounded(retry_total=ATTEMPTS - 1, retry_backoff_max=LONGEST_WAIT_SECONDS)


def _missing(url: str, found: str, remedy: str) -> NoReturn:
    raise DependencyUnavailable(
        "the secret cannot be read", expected=f"a text at {url} that this process may read", found=found, remedy=remedy
    )
