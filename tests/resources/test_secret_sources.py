import datetime
import importlib
import ipaddress
import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.secret_sources import FORMS, read_secret

REPOSITORY = Path(__file__).parents[2]
SECRET = "k1 " + "5e" * 32
REGION = "sa-east-1"
VAULT, VERSION = "keeper.vault.azure.net", "0123456789abcdef0123456789abcdef"
TOKEN = "local-token"


def refusal(url: str) -> DependencyUnavailable:
    """How a secret is refused; whatever the answer held, nothing of it is repeated."""
    with pytest.raises(DependencyUnavailable) as refused:
        read_secret(url)
    assert refused.value.remedy
    assert "5e5e" not in "".join(traceback.format_exception(refused.value))
    return refused.value


class TestUrls:
    @pytest.mark.parametrize(
        "url", ["", "vault://a/b", "FILE:///x", "5e" * 32, f"k1 {'5e' * 32}", f"k1 {'5e' * 32}://x", "://x", "s3://b/k"]
    )
    def test_another_scheme_is_refused_with_a_list_of_ours(self, url: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_secret(url)
        assert all(form in refused.value.expected for form in FORMS.values())
        assert "5e5e" not in str(refused.value)

    @pytest.mark.parametrize(
        "url",
        [
            "file://relative/path",
            "file://",
            "file:///a?b",
            "file:///a%00b",
            "aws-secretsmanager://sa-east-1",
            "aws-secretsmanager://sa-east-1/",
            "aws-secretsmanager:///name",
            "aws-secretsmanager://me:5e5e@sa-east-1/name",
            "aws-secretsmanager://sa-east-1/name?5e5e",
            "azure-keyvault://keeper.vault.azure.net",
            "azure-keyvault://keeper.vault.azure.net/a_b",
            "azure-keyvault://keeper.vault.azure.net/a/b/c",
            "azure-keyvault://me:5e5e@keeper.vault.azure.net/a",
            "azure-keyvault://keeper.vault.azure.net\\.example.org/a",
        ],
    )
    def test_a_url_that_does_not_fit_its_scheme_is_refused_with_the_form(self, url: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_secret(url)
        assert refused.value.expected == FORMS[url.partition("://")[0]]
        assert "5e5e" not in str(refused.value)

    @given(st.text())
    def test_any_other_text_is_refused_as_a_url(self, text: str) -> None:
        with pytest.raises(InvalidInput):
            read_secret(text)

    def test_no_sdk_is_loaded_before_it_is_needed(self) -> None:
        code = (
            "import sys, resources.secret_sources, resources.keyring\n"
            "print({'boto3', 'botocore', 'azure.identity', 'azure.core'} & set(sys.modules))"
        )
        ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == "set()"


class TestFiles:
    def test_a_file_that_only_its_owner_reads_is_read(self, tmp_path: Path) -> None:
        path = tmp_path / "a key #1, 100%"
        path.write_text(SECRET)
        path.chmod(0o600)
        assert read_secret(path.as_uri()) == SECRET
        assert read_secret(path.as_uri().replace("file://", "file://localhost")) == SECRET

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o610])
    def test_a_file_that_others_may_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = tmp_path / "key"
        path.write_text(SECRET)
        path.chmod(mode)
        assert refusal(path.as_uri()).remedy == f"chmod 600 {path}"

    def test_a_missing_file_and_a_folder_are_refused(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o700)
        assert refusal((tmp_path / "key").as_uri()).found == "no such file"
        assert refusal(tmp_path.as_uri()).found == "Is a directory"


class Answering(ThreadingHTTPServer):
    """Answers every request with `status` and `body`, after `delay` seconds."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.status, self.body, self.delay = 200, b"{}", 0.0
        self.requests: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


@contextmanager
def serving(server: Answering) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Credentials that only a local server takes."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "*")
    return monkeypatch


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def moto(aws: pytest.MonkeyPatch, moto_url: str) -> pytest.MonkeyPatch:
    aws.setenv("AWS_ENDPOINT_URL", moto_url)
    return aws


def kept(region: str = REGION, **content: object) -> str:
    """A new secret's name."""
    name = f"compliance/{secrets.token_hex(4)}/master-key"
    with closing(boto3.client("secretsmanager", region_name=region)) as client:
        client.create_secret(Name=name, **content)
    return name


@pytest.mark.usefixtures("moto")
class TestSecretsManager:
    def test_a_secret_is_read_by_its_name_and_by_its_arn(self) -> None:
        name = kept(SecretString=SECRET)
        with closing(boto3.client("secretsmanager", region_name=REGION)) as client:
            arn = client.describe_secret(SecretId=name)["ARN"]
        assert read_secret(f"aws-secretsmanager://{REGION}/{name}") == SECRET
        assert read_secret(f"aws-secretsmanager://{REGION}/{arn}") == SECRET

    def test_the_current_version_is_read(self) -> None:
        name = kept(SecretString=SECRET)
        with closing(boto3.client("secretsmanager", region_name=REGION)) as client:
            client.put_secret_value(SecretId=name, SecretString=f"{SECRET}\nk2 {'77' * 32}")
        assert read_secret(f"aws-secretsmanager://{REGION}/{name}").endswith("77")

    def test_a_secret_of_another_region_is_not_found(self) -> None:
        name = kept("eu-west-1", SecretString=SECRET)
        assert refusal(f"aws-secretsmanager://{REGION}/{name}").found == "ResourceNotFoundException (HTTP 404)"

    def test_a_binary_secret_is_refused(self) -> None:
        name = kept(SecretBinary=b"\x5e" * 32)
        assert refusal(f"aws-secretsmanager://{REGION}/{name}").found == "a binary secret"

    def test_a_user_without_the_right_is_refused(self, moto: pytest.MonkeyPatch) -> None:
        from moto.core.authorization import enable_iam_authentication

        name = kept(SecretString=SECRET)
        with closing(boto3.client("iam", region_name=REGION)) as iam:
            iam.create_user(UserName=(user := secrets.token_hex(4)))
            key = iam.create_access_key(UserName=user)["AccessKey"]
        moto.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        moto.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
        with enable_iam_authentication():
            denied = refusal(f"aws-secretsmanager://{REGION}/{name}")
        assert "HTTP 403" in denied.found
        assert "secretsmanager:GetSecretValue" in denied.remedy


class AwsHandler(Handler):
    server: Answering

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(self.headers["X-Amz-Target"])
        time.sleep(self.server.delay)
        self.reply(self.server.status, self.server.body)


class TestAnAwsThatMisbehaves:
    URL = f"aws-secretsmanager://{REGION}/name"

    @pytest.fixture
    def server(self, aws: pytest.MonkeyPatch) -> Iterator[Answering]:
        server = Answering(AwsHandler)
        aws.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.port}")
        with serving(server):
            yield server

    @pytest.mark.parametrize(
        ("status", "body", "found"),
        [
            (400, b'{"__type": "AccessDeniedException", "Message": "5e5e"}', "AccessDeniedException (HTTP 400)"),
            (400, b'{"__type": "DecryptionFailure", "Message": "5e5e"}', "DecryptionFailure (HTTP 400)"),
            (400, b"5e5e", "HTTP 400"),
            (400, b'["5e5e"]', "AttributeError"),
            (400, b'{"__type": 5}', "TypeError"),
            (404, b"<html>5e5e</html>", "HTTP 404"),
            (200, b"5e5e", "an answer without a text"),
            (200, b'["5e5e"]', "AttributeError"),
            (200, b"null", "AttributeError"),
            (200, b'{"SecretString": 5}', "an answer without a text"),
            (200, b'{"SecretString": "5e5e", "CreatedDate": "5e5e"}', "ValueError"),
            (200, b"\xff\xfe5e5e", "UnicodeDecodeError"),
        ],
    )
    def test_an_answer_that_is_no_secret_is_refused_without_showing_it(
        self, server: Answering, status: int, body: bytes, found: str
    ) -> None:
        server.status, server.body = status, body
        assert found in refusal(self.URL).found
        assert server.requests == ["secretsmanager.GetSecretValue"]

    def test_a_server_in_trouble_is_asked_three_times(self, server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
        server.status = 503
        assert "HTTP 503" in refusal(self.URL).found
        assert len(server.requests) == 3

    def test_a_server_that_hangs_is_given_up(self, server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("resources.secret_sources.READ_SECONDS", 0.2)
        monkeypatch.setattr("resources.secret_sources.ATTEMPTS", 1)
        server.delay = 0.6
        assert refusal(self.URL).found == "ReadTimeoutError"

    def test_nobody_listening_is_said(self, aws: pytest.MonkeyPatch) -> None:
        aws.setattr("resources.secret_sources.ATTEMPTS", 1)
        aws.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert refusal(self.URL).found == "EndpointConnectionError"

    @pytest.mark.parametrize(
        ("name", "value", "found"),
        [("AWS_ENDPOINT_URL", "nowhere", "ValueError"), ("AWS_PROFILE", "nobody", "ProfileNotFound")],
    )
    def test_a_configuration_that_cannot_be_is_said(
        self, aws: pytest.MonkeyPatch, name: str, value: str, found: str
    ) -> None:
        aws.setenv(name, value)
        assert refusal(self.URL).found == found

    def test_no_credentials_is_said(self, aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            aws.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            aws.setenv(name, str(tmp_path / "none"))
        assert refusal(self.URL).found == "NoCredentialsError"


class VaultServer(Answering):
    """Speaks Key Vault's REST protocol over TLS: 401 with a challenge, then the secret for a bearer of the right token.

    `behaviour` answers a request that has the token: `good`, `HTTP 503`, `garbage`, …; `failures` of them.
    """

    def __init__(self, certificate: Path) -> None:
        super().__init__(VaultHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.resource = f"https://vault.azure.net:{self.port}"
        self.challenge = f'Bearer authorization="https://login.example/tenant", resource="{self.resource}"'
        self.behaviour, self.failures, self.token = "good", 1_000_000, TOKEN

    @property
    def url(self) -> str:
        return f"azure-keyvault://{VAULT}:{self.port}/master-key"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us, or has gone."""


class VaultHandler(Handler):
    server: VaultServer

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "none").removeprefix("Bearer ")
        self.server.requests.append(f"{self.path.partition('?')[0]} {token}")
        if token != self.server.token:
            self.reply(401, b'{"error": {"code": "Unauthorized"}}', WWW_Authenticate=self.server.challenge)
            return
        behaviour = self.server.behaviour if self.server.failures > 0 else "good"
        self.server.failures -= behaviour != "good"
        if behaviour.startswith("HTTP "):
            error = json.dumps({"error": {"code": "Refused", "message": "5e5e"}}).encode()
            headers = {"Retry_After": "86400"} if behaviour == "HTTP 429" else {}
            self.reply(int(behaviour[5:]), error, **headers)
        elif behaviour == "hangs":
            time.sleep(0.6)
            self.close_connection = True
        elif behaviour == "good":
            name = f"https://{VAULT}/secrets/master-key/{VERSION}"
            self.reply(200, json.dumps({"value": SECRET, "id": name, "attributes": {"enabled": True}}).encode())
        else:
            self.reply(200, behaviour.encode())


class IdentityHandler(Handler):
    """The managed identity of a service: a token for the resource that is asked for."""

    server: Answering

    def do_GET(self) -> None:
        self.server.requests.append(parse_qs(urlsplit(self.path).query)["resource"][0])
        expires = str(int(time.time()) + 3600)
        token = {"access_token": TOKEN, "expires_on": expires, "resource": "x", "token_type": "Bearer"}
        self.reply(self.server.status, json.dumps(token).encode())


def certificate_for(host: str) -> bytes:
    """A key and a certificate signed with it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "vault.pem"
    path.write_bytes(certificate_for(VAULT))
    return path


class TestKeyVault:
    @pytest.fixture
    def identity(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
        """DefaultAzureCredential finds it as it does in Azure App Service and Container Apps."""
        for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_"))]:
            monkeypatch.delenv(name)
        server = Answering(IdentityHandler)
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "local")
        monkeypatch.setenv("NO_PROXY", "*")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        with serving(server):
            yield server

    @pytest.fixture
    def vault(self, identity: Answering, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultServer]:
        """A vault under a real vault's name."""
        look_up = socket.getaddrinfo

        def local(host: str, *arguments: object, **named: object) -> object:
            assert host in {VAULT, "127.0.0.1"}
            return look_up("127.0.0.1", *arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", local)
        monkeypatch.setattr("resources.secret_sources.LONGEST_WAIT_SECONDS", 0.05)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        # The SDK remembers a vault's challenge by host and port, and a port may be another test's again.
        importlib.import_module("azure.keyvault.secrets._shared.http_challenge_cache").clear()
        server = VaultServer(certificate)
        with serving(server):
            yield server

    def test_a_secret_is_read_as_the_identity_that_the_sdk_finds(self, vault: VaultServer, identity: Answering) -> None:
        assert read_secret(vault.url) == SECRET
        assert vault.requests == ["/secrets/master-key/ none", f"/secrets/master-key/ {TOKEN}"]
        assert identity.requests == [vault.resource]

    def test_one_version_of_it_is_read(self, vault: VaultServer) -> None:
        assert read_secret(f"{vault.url}/{VERSION}") == SECRET
        assert vault.requests[-1] == f"/secrets/master-key/{VERSION} {TOKEN}"

    @pytest.mark.parametrize(
        ("behaviour", "found"),
        [
            ("HTTP 400", "HttpResponseError (HTTP 400)"),
            ("HTTP 403", "HttpResponseError (HTTP 403)"),
            ("HTTP 404", "ResourceNotFoundError (HTTP 404)"),
            ("HTTP 429", "HttpResponseError (HTTP 429)"),
            ("HTTP 503", "HttpResponseError (HTTP 503)"),
            ("5e5e{", "DecodeError (HTTP 200)"),
            ('["5e5e"]', "AttributeError"),
            ("null", "AttributeError"),
            ("{}", "an answer without a text"),
            ('{"value": null}', "an answer without a text"),
        ],
    )
    def test_an_answer_that_is_no_secret_is_refused_without_showing_it(
        self, vault: VaultServer, behaviour: str, found: str
    ) -> None:
        vault.behaviour = behaviour
        refused = refusal(vault.url)
        assert refused.found == found
        assert "Key Vault Secrets User" in refused.remedy

    @pytest.mark.parametrize("behaviour", ["HTTP 429", "HTTP 503"])
    def test_a_vault_that_is_busy_is_asked_again(self, vault: VaultServer, behaviour: str) -> None:
        vault.behaviour, vault.failures = behaviour, 2
        assert read_secret(vault.url) == SECRET

    def test_a_vault_is_not_waited_for_as_long_as_it_likes(
        self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("resources.secret_sources.LONGEST_WAIT_SECONDS", 0.1)
        vault.behaviour, vault.retry_after = "HTTP 429", "86400"
        assert "HTTP 429" in refusal(vault.url).found
        assert len(vault.requests) == 4

    def test_a_token_that_the_vault_does_not_take_is_said(
        self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(f"{__name__}.TOKEN", "another")
        vault.challenge = f'{vault.challenge}, error="invalid_token"'
        monkeypatch.setattr(
            VaultHandler, "do_GET", lambda self: self.reply(401, b"{}", WWW_Authenticate=vault.challenge)
        )
        assert refusal(vault.url).found == "ClientAuthenticationError (HTTP 401)"

    @pytest.mark.parametrize("challenge", ["Bearer", 'Bearer resource="https://vault.azure.net"', "Basic realm=x", ""])
    def test_a_challenge_that_is_none_is_said(self, vault: VaultServer, challenge: str) -> None:
        vault.challenge = challenge
        assert "401" in refusal(vault.url).found

    def test_a_vault_that_asks_for_the_token_of_another_service_gets_none(
        self, vault: VaultServer, identity: Answering
    ) -> None:
        vault.challenge = 'Bearer authorization="https://login.example/t", resource="https://management.azure.com"'
        assert refusal(vault.url).found == "ValueError"
        assert identity.requests == []

    def test_no_identity_is_said(self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("IDENTITY_ENDPOINT")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
        assert refusal(vault.url).found == "ClientAuthenticationError"

    def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        monkeypatch.setattr("resources.secret_sources.ATTEMPTS", 1)
        assert refusal(vault.url).found == "ServiceRequestError"
        assert vault.requests == []

    def test_a_vault_that_hangs_is_given_up(self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("resources.secret_sources.READ_SECONDS", 0.2)
        monkeypatch.setattr("resources.secret_sources.ATTEMPTS", 1)
        vault.behaviour = "hangs"
        assert "Service" in refusal(vault.url).found

    def test_nobody_listening_is_said(self, vault: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("resources.secret_sources.ATTEMPTS", 1)
        assert refusal(f"azure-keyvault://{VAULT}:9/master-key").found == "ServiceRequestError"
