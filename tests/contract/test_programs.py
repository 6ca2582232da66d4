"""Every program that make runs ends well: interrupts, closed pipes, full disks and encodings leave no traceback."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contract.makefile import text
from contract.terraform_source import PROJECT

# Every program that the Makefile runs, and two that only pages name.
PROGRAMS = sorted(
    {"votectl", "benchmarks counting"}
    | set(re.findall(r"-m (scripts [a-z_.]+|benchmarks pack|(?!not |alone |world\.)[a-z][a-z_.]+)", text()))
)
# One of each kind: argparse, Typer, the one that runs on any Python, and the one that loads a command when it is typed.
KINDS = ("scripts deploying.deploy", "localcloud", "scripts.bootstrap", "votectl plan")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
# Runs a program as -m does, after a line that says that Python itself is up.
ANNOUNCED = """
import runpy, sys
sys.argv[:2] = sys.argv[1].split()
print("up", flush=True)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run(program: str, stdout: int, *arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-B", "-m", *program.split(), *arguments],
        check=False,
        cwd=PROJECT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT | more,
    )


def source_of(module: str) -> str:
    return (PROJECT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


def test_the_makefile_names_the_programs() -> None:
    assert {"loadtest", "loadtest.drills", *(kind.removesuffix(" plan") for kind in KINDS)} <= set(PROGRAMS)
    assert not {program for program in PROGRAMS if program.startswith(("pytest", "pip"))}


def test_a_programs_module_can_be_run_by_its_own_name() -> None:
    """`python -m scripts.spike` did nothing and said nothing."""
    named = re.search(r"PROGRAMS = \((.*?)^\)", source_of("scripts.__main__"), re.DOTALL | re.MULTILINE)
    assert named is not None
    entries = {f"scripts.{name}:main" for name in re.findall(r'"([a-z_.]+)"', named[1])}
    entries |= {f"benchmarks.{name}:main" for name in ("cli", "pack", "counting")}
    for program in ("loadtest", "loadtest.drills", "localcloud"):
        entries |= set(re.findall(r'process\.run\("(.+)"\)', source_of(f"{program}.__main__")))
    assert len(entries) == 15
    for entry in entries:
        module = entry.partition(":")[0]
        assert source_of(module).endswith(f'\nif __name__ == "__main__":\n    process.run("{entry}")\n'), (
            module
        )


@pytest.mark.parametrize("typed", ["scripts", "scripts nothing", "scripts bootstrap", "scripts api-page"])
def test_an_unknown_program_gets_a_one_line_error(typed: str) -> None:
    done = run(typed, subprocess.PIPE)
    assert done.returncode == 2
    assert re.fullmatch(rb"usage: python -m scripts NAME; NAME is one of api_page, .+\n", done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "program"), list(enumerate(KINDS)), ids=KINDS)
def test_a_closed_pipe_and_an_interrupt_leave_no_traceback(number: int, program: str) -> None:
    begun = time.monotonic()
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(program, writing, "--help")
    finally:
        os.close(writing)
    seconds = time.monotonic() - begun
    assert (done.returncode, done.stderr) == (141, b"")

    with subprocess.Popen(
        [sys.executable, "-B", "-c", ANNOUNCED, program, "--help"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep((number + 1) / 5 * seconds)  # most of it is the time that modules take to load
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert stderr == b""
    assert process.returncode in (0, 130, -signal.SIGINT)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("program", KINDS)
def test_a_full_disk_gets_a_one_line_error(program: str, unbuffered: str) -> None:
    """Argparse ignores a failed write, which an unbuffered stream reports there."""
    with Path("/dev/full").open("wb") as full:
        done = run(program, full.fileno(), "--help", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.1, 0.8, 1.6, 3])
def test_an_interrupt_while_locust_starts_leaves_no_traceback(seconds: float) -> None:
    """Locust is a separate process. No master is running here."""
    with subprocess.Popen(
        [sys.executable, "-B", "-c", ANNOUNCED, "loadtest worker", "--master", "127.0.0.1"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert stderr == b""
    assert process.returncode in (130, -signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize(("program", "code"), [("scripts deploying.deploy plan", 1), ("votectl", 2)])
def test_every_encoding_is_written_as_utf_8(program: str, code: int) -> None:
    done = run(program, subprocess.DEVNULL, "\u05e9", PYTHONIOENCODING="latin-1")
    assert done.returncode == code
    assert "\u05e9" in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("program", KINDS)
def test_closed_streams_cause_no_error(program: str) -> None:
    command = f'"{sys.executable}" -m {program} --help >&- 2>&-'
    assert subprocess.run(["sh", "-c", command], cwd=PROJECT, check=False).returncode == 0


def test_a_file_that_cannot_be_opened_is_named() -> None:
    code = (
        "from scripts.bootstrap import process; import pathlib, tests;"
        "tests.opening = lambda: pathlib.Path('/nowhere/at/all').read_text(); process.run('tests:opening')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"error: /nowhere/at/all: No such file or directory\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed",
    [
        "scripts spike --rate 0",
        "scripts spike --phones -1",
        "scripts spike --within 1.5",
        "scripts spike --seed \u0967",
        "scripts pages --port 99999",
        "benchmarks pack --rows 0",
        "benchmarks counting --votes -1",
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(typed: str) -> None:
    program, _, options = typed.partition(" --")
    done = run(program, subprocess.DEVNULL, *f"--{options}".split())
    assert done.returncode == 2
    assert b"is not a whole number from" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "typed", ["fuzz FUZZ_REQUESTS=many", "fuzz FUZZ_REQUESTS=", "chaos CHAOS_SECONDS=-5"]
)
def test_make_refuses_invalid_numbers_before_anything_starts(typed: str) -> None:
    done = subprocess.run(["make", *typed.split()], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a whole number" in done.stderr
