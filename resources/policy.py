"""The engines that evaluate the policy: Rego in process, or an OPA server over HTTP. The same files, the same answer.

An engine never raises. Whatever keeps it from a sound answer (a server that is away, slow, failing or lying; a policy that does
not compile or says nothing) is an outage: the decision is a denial that says why, and in `enforce` it binds. No setting changes
that.
"""

import asyncio
import json
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field, ValidationError, field_validator

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.contracts.policy import Classification, PolicyDecision, PolicyInput, PolicyMode, Transform
from resources.policy_bundle import PolicyBundle, nested

if TYPE_CHECKING:
    import regopy

EngineName = Literal["regopy", "opa"]
#: The rule that every engine is asked, of package compliance.decision.
ENTRYPOINT = "compliance/decision/answer"
UNAVAILABLE = "policy_unavailable"
BUDGET_SECONDS = 0.150
#: Built-in functions of Rego whose result is not a matter of their arguments.
_NOT_BY_INPUT_ALONE = ("time.now_ns", "rand.", "http.send", "opa.runtime", "uuid.", "net.lookup_ip_addr")
_MOST_ANSWERS = 4096
_LARGEST_REPLY = 1_000_000  # bytes


class PolicyEngine(Protocol):
    """Anything that evaluates the policy. `bundle` is the policy at hand, which a server may differ from."""

    name: EngineName
    mode: PolicyMode
    bundle: PolicyBundle

    @property
    def bundle_hash(self) -> str:
        """The digest of the files at hand: what a release pins."""

    def evaluate(self, asked: PolicyInput) -> PolicyDecision:
        """The policy's decision; one that says so where there is none. Never raises."""

    def differences(self) -> tuple[str, ...]:
        """What of the files at hand the engine holds differently. Raises DependencyUnavailable where it cannot be asked."""

    def over(self, bundle: PolicyBundle) -> "PolicyEngine":
        """The same engine, with other files at hand."""


class RegoEngine:
    """Rego evaluated in process: compiled once, one evaluation at a time, the same input once.

    A policy whose answer does not hang on its input alone (it asks for the time, for something random or another server) is
    evaluated every time. Every evaluation keeps some 80 KiB for ever once numpy is loaded (measured, regopy 1.5): a year's filings
    give one input.
    """

    name: EngineName = "regopy"

    def __init__(self, bundle: PolicyBundle, mode: PolicyMode = "enforce") -> None:
        self.bundle, self.mode = bundle, mode
        self._lock = threading.Lock()
        self._compiled: tuple[regopy.Interpreter, regopy.Bundle] | None = None
        self._answers: OrderedDict[str, str] = OrderedDict()

    @property
    def bundle_hash(self) -> str:
        """The digest of the files at hand."""
        return self.bundle.policy_hash

    def evaluate(self, asked: PolicyInput) -> PolicyDecision:
        """The policy's decision; one that says so where there is none. Never raises."""
        return _decision(self.name, self.mode, self.bundle.policy_hash, lambda: self._answer(asked))

    def differences(self) -> tuple[str, ...]:
        """None: it evaluates the files themselves."""
        return ()

    def over(self, bundle: PolicyBundle) -> "RegoEngine":
        """An engine of other files."""
        return RegoEngine(bundle, self.mode)

    def _answer(self, asked: PolicyInput) -> str:
        term = json.dumps(asked.model_dump(mode="json"))  # ASCII: the library ends a text at its first NUL
        with self._lock:
            known = self._answers.get(term)
            if known is not None:
                return known
            answer = self._evaluated(term)
            if not any(call in text for text in self.bundle.modules.values() for call in _NOT_BY_INPUT_ALONE):
                self._answers[term] = answer
                if len(self._answers) > _MOST_ANSWERS:
                    self._answers.popitem(last=False)
        return answer

    def _evaluated(self, term: str) -> str:
        interpreter, compiled = self._compiled = self._compiled or _compiled(self.bundle)
        interpreter.set_input_term(term)
        output = interpreter.query_bundle(compiled)
        if not output.ok():
            raise _Outage("the evaluation failed: the rules contradict each other or a call in them is wrong")
        expressions = output.results[0].expressions
        if not expressions:
            raise _Outage("the answer is undefined: the policy's data is incomplete")
        return json.dumps(expressions[0])


class OpaEngine:
    """An OPA server's answer within a budget that covers everything: resolving, connecting, asking, reading.

    Source of the protocol: https://www.openpolicyagent.org/docs/rest-api
    """

    name: EngineName = "opa"

    def __init__(
        self,
        url: str,
        bundle: PolicyBundle,
        mode: PolicyMode = "enforce",
        *,
        token: str | None = None,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        self.bundle, self.mode = bundle, mode
        self._url, self._token, self._budget = url.rstrip("/"), token, budget_seconds
        self._lock = threading.Lock()
        self._line: _Line | None = None

    @property
    def bundle_hash(self) -> str:
        """The digest of the files at hand."""
        return self.bundle.policy_hash

    def evaluate(self, asked: PolicyInput) -> PolicyDecision:
        """The policy's decision; one that says so where there is none. Never raises."""
        return _decision(self.name, self.mode, "unknown", lambda: self._answer(asked))

    def differences(self) -> tuple[str, ...]:
        """Modules and data that the server holds otherwise than the files at hand. Raises DependencyUnavailable."""
        try:
            modules = self._ask("GET", "/v1/policies", None, 10 * self._budget)
            held = {str(module["raw"]) for module in json.loads(modules)["result"]}
            documents = {
                place: json.loads(self._ask("GET", f"/v1/data/{place}", None, 10 * self._budget)).get("result")
                for place in self.bundle.documents
            }
        except _mishaps() as problem:
            raise DependencyUnavailable(
                "the OPA server does not say what it holds",
                expected="its policies and data under /v1",
                found=_words(problem),
                remedy="Check COMPLIANCE_OPA_URL, and whether the server lets us read /v1/policies.",
            ) from None
        ours = self.bundle.modules
        return (
            *(f"{name}: not held as it stands here" for name, text in ours.items() if text not in held),
            *(f"{count} more modules held" for count in [len(held - set(ours.values()))] if count),
            *(
                f"{place}: other data"
                for place, ours_there in self.bundle.documents.items()
                if documents[place] != ours_there
            ),
        )

    def over(self, bundle: PolicyBundle) -> "OpaEngine":
        """The same server, expected to hold other files."""
        return OpaEngine(self._url, bundle, self.mode, token=self._token, budget_seconds=self._budget)

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            if self._line:
                self._line.close()
            self._line = None

    def _answer(self, asked: PolicyInput) -> str:
        body = json.dumps({"input": asked.model_dump(mode="json")}).encode()
        reply = self._ask("POST", f"/v1/data/{ENTRYPOINT}", body, self._budget)
        try:
            parsed = json.loads(reply)
        except ValueError:
            raise _Outage("the reply is not JSON") from None
        if not isinstance(parsed, dict) or "result" not in parsed:
            raise _Outage("the answer is undefined: the policy or the digest of its bundle was not deployed")
        return json.dumps(parsed["result"])

    def _ask(self, method: str, path: str, body: bytes | None, budget: float) -> bytes:
        with self._lock:
            self._line = line = self._line or _Line(self._token)
        return line.ask(method, f"{self._url}{path}", body, budget)


class _Line:
    """A client on a loop of its own: what takes longer than its budget is cancelled wherever it stands, and hangs up."""

    def __init__(self, token: str | None) -> None:
        import httpx

        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(headers=headers, trust_env=False, verify=ssl.create_default_context())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="opa")
        self._thread.start()

    def ask(self, method: str, url: str, body: bytes | None, budget: float) -> bytes:
        """The body of a good reply. Raises _Outage, and TransportError of httpx."""
        future: Future[bytes] = asyncio.run_coroutine_threadsafe(self._twice(method, url, body), self._loop)
        try:
            return future.result(budget)
        except TimeoutError:
            future.cancel()
            raise _Outage(f"no answer within {round(1000 * budget)} ms") from None

    async def _twice(self, method: str, url: str, body: bytes | None) -> bytes:
        """Once more where a connection that was kept turns out closed: asking is without effect."""
        import httpx

        try:
            return await self._once(method, url, body)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self._once(method, url, body)

    async def _once(self, method: str, url: str, body: bytes | None) -> bytes:
        content = b""
        async with self._client.stream(method, url, content=body) as reply:
            if reply.status_code != 200:
                raise _Outage(f"HTTP {reply.status_code}")
            async for piece in reply.aiter_raw():
                content += piece
                if len(content) > _LARGEST_REPLY:
                    raise _Outage(f"the reply is longer than {_LARGEST_REPLY} bytes")
        return content

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


class _Outage(Exception):
    """Why there is no answer."""


def _mishaps() -> tuple[type[Exception], ...]:
    """Whatever a server and its reply can have wrong with them."""
    import httpx

    return (_Outage, httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError)


class _Answer(Contract):
    """What the policy's rule `answer` gives. Strict: what does not fit exactly is not an answer."""

    allow: bool
    reason: str = Field(min_length=1)
    policy_hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    transforms: tuple[Transform, ...]
    classification: Classification | None
    connector_constraints: tuple[str, ...] | None
    partition_constraints: tuple[int, ...] | None
    provider_constraints: tuple[str, ...] | None

    @field_validator("transforms")
    @classmethod
    def _values_fit(cls, transforms: tuple[Transform, ...]) -> tuple[Transform, ...]:
        for transform in transforms:
            number = transform.kind == "set_max_tokens"
            if not (
                isinstance(transform.value, int) and transform.value > 0 if number else isinstance(transform.value, str)
            ):
                raise ValueError(f"{transform.kind} needs {'a positive whole number' if number else 'a text'}")
        return transforms


def _decision(engine: EngineName, mode: PolicyMode, known_hash: str, answer: Callable[[], str]) -> PolicyDecision:
    """The answer as a decision; a denial where there is none, under the hash that is known all the same."""
    try:
        made = _Answer.model_validate_json(answer(), strict=True)
        return PolicyDecision(engine=engine, mode=mode, **dict(made))
    except Exception as problem:  # noqa: BLE001 - whatever it is, nothing was allowed
        return PolicyDecision(
            allow=False, reason=UNAVAILABLE, policy_hash=known_hash, engine=engine, mode=mode, outage=_words(problem)
        )


def _words(problem: Exception) -> str:
    """Why, without anything of the request."""
    if isinstance(problem, ValidationError):
        first = problem.errors(include_url=False, include_input=False)[0]
        return f"not a decision: {'.'.join(map(str, first['loc'])) or 'answer'}: {first['msg']}"
    text = str(problem).partition("\n")[0] if isinstance(problem, _Outage) else str(problem)[:200]
    return text if isinstance(problem, _Outage) else f"{type(problem).__name__}: {text}".rstrip(": ")


def _compiled(bundle: PolicyBundle) -> "tuple[regopy.Interpreter, regopy.Bundle]":
    import regopy

    interpreter = regopy.Interpreter()
    interpreter.log_level = regopy.LogLevel.NONE  # it would write into our output
    try:
        interpreter.add_data(nested(bundle.sealed_documents))
        for name, module in bundle.modules.items():
            interpreter.add_module(name, module)
        return interpreter, interpreter.build(f"data.{ENTRYPOINT.replace('/', '.')}")
    except regopy.RegoError as problem:
        raise _Outage(f"the policy does not compile: {_complaint(str(problem))}") from None


def _complaint(error: str) -> str:
    """What the compiler complains of, out of the tree that it prints."""
    _, _, said = error.partition("(errormsg ")
    _, _, place = error.partition("(error ")
    return f"{said.partition(')')[0].partition(':')[2]} in {place.partition(chr(10))[0]}" if said else "see the files"
