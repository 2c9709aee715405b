"""Nothing leaves: the whole demo in a network of its own, without a way out, and beside a listener that sees attempts."""

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

COMPLIANCE = Path(sys.executable).with_name("compliance")
NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


def _namespaces_work() -> bool:
    tools = shutil.which("unshare") and shutil.which("ip")
    return (
        bool(tools)
        and subprocess.run([*NAMESPACE, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
    )


pytestmark = pytest.mark.skipif(
    not _namespaces_work(), reason="needs unshare, ip and the right to make a network namespace"
)

# Counts every frame that leaves by the only way out, and every name look-up, on any interface.
LISTENER = textwrap.dedent("""
    import socket, struct, sys, threading, subprocess
    seen, stop = [], threading.Event()
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    listener.settimeout(0.2)
    def listen():
        while not stop.is_set():
            try:
                packet, (interface, *_) = listener.recvfrom(65535)
            except TimeoutError:
                continue
            header = (packet[0] & 15) * 4 if packet[:1] and packet[0] >> 4 == 4 else 40
            port = struct.unpack("!H", packet[header + 2:header + 4])[0] if len(packet) > header + 4 else 0
            if interface != "lo" or port == 53:
                seen.append(f"{interface}:{port}")
    thread = threading.Thread(target=listen)
    thread.start()
    code = subprocess.run(sys.argv[1:]).returncode
    stop.wait(0.5)
    stop.set()
    thread.join()
    listener.close()
    print("ATTEMPTS", len(seen), sorted(set(seen)))
    sys.exit(code)
""")
TRACKED = textwrap.dedent("""
    import sys
    from pathlib import Path
    from resources.mlflow_registries import Registered
    from resources.settings import Settings
    from resources.tracking import RunRecord, TrackedRun, tracking_from

    tracking = tracking_from(Settings.from_environment({}, data_dir=Path(sys.argv[1])))
    run = RunRecord("trials", "a run", "0" * 64, {}, {"type_right": 1.0}, {}, files={"report.md": b"# Report"})
    assert isinstance(tracking.log(run), TrackedRun)
    entries = [Registered("compliance.a.prompt", "1" * 64, {}, "Text."), Registered("compliance.a.model", "2" * 64, {})]
    assert len(tracking.mirror_production("a release", entries)) == len(tracking.aliases()) == 2
""")
WAY_OUT = (
    "ip link set lo up && ip link add out type veth peer name far && "
    "echo 1 > /proc/sys/net/ipv6/conf/out/disable_ipv6 && echo 1 > /proc/sys/net/ipv6/conf/far/disable_ipv6 && "
    "ip link set out arp off && ip addr add 198.51.100.2/24 dev out && ip link set far up && ip link set out up && "
    "ip route add default dev out && "
)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ca-net-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


def _in_namespace(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*NAMESPACE, "sh", "-c", script + 'exec "$@"', "sh", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240)


def test_the_demo_runs_with_every_connection_beyond_loopback_refused(data_dir: Path) -> None:
    done = _in_namespace("ip link set lo up && ", str(COMPLIANCE), "demo", "--data-dir", str(data_dir))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified" in done.stdout


def test_the_demo_does_not_even_try_to_connect(data_dir: Path) -> None:
    """With RapidOCR, whose runtime tells its maker of every start unless that is switched off."""
    listening = [sys.executable, "-c", LISTENER, str(COMPLIANCE), "demo", "--data-dir", str(data_dir)]

    done = _in_namespace(WAY_OUT, *listening, COMPLIANCE_OCR="rapidocr")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ATTEMPTS 0" in done.stdout, done.stdout.splitlines()[-1]


def test_tracking_an_evaluation_does_not_even_try_to_connect(data_dir: Path) -> None:
    """As in production: in a test or a CI job MLflow is silent by itself."""
    as_in_production = ["env", "-u", "PYTEST_CURRENT_TEST", "-u", "CI", "-u", "DO_NOT_TRACK"]
    listening = [sys.executable, "-c", LISTENER, sys.executable, "-c", TRACKED, str(data_dir)]

    done = _in_namespace(WAY_OUT, *as_in_production, "-u", "MLFLOW_DISABLE_TELEMETRY", *listening)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ATTEMPTS 0" in done.stdout, done.stdout.splitlines()[-1]


def test_the_listener_sees_an_attempt_when_there_is_one() -> None:
    attempt = "import socket; s = socket.socket(); s.settimeout(0.3); s.connect_ex(('192.0.2.1', 443)); s.close()"

    done = _in_namespace(WAY_OUT, sys.executable, "-c", LISTENER, sys.executable, "-c", attempt)

    assert "ATTEMPTS 0" not in done.stdout
    assert "443" in done.stdout
