"""Every suggestion in an error is accepted: each example, each command and each make target."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import TracebackType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import makefile
from contract.terraform_source import PROJECT
from contract.typed import votectl_refuses
from loadtest.cli import refuse_bad_host
from localcloud.environment import environment
from localcloud.errors import LocalCloudError
from localcloud.settings import CloudSettings
from scripts.bootstrap.console import UserError
from scripts.build_zip import target_named
from votectl.commands.poll import parse_label
from votectl.errors import command
from votectl.settings import tfvars
from votectl.settings.files import mapping_of
from votectl.sizing import commands as sizing
from votectl.sizing.inputs import amount, seconds
from votectl.times import parse_duration, parse_moment
from voting.polls import END_OF_TIME_MS

FOLDERS = ("benchmarks", "functions", "loadtest", "localcloud", "scripts", "votectl")
NOW = 1_795_000_000_000
# A message with one of these shows something to type.
SUGGESTS = re.compile(
    r"\b(for example|did you mean|as in|choose (?!another)|write (?!a config)|give a port|like \d)"
)
# They print a whole command, and `test_each_printed_command_is_accepted` tries it.
COMMANDS = re.compile(r"python -m")

Parser = Callable[[str], object]


def event_file(text: str) -> object:
    path = Path(PROJECT / ".state/examples/event.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return mapping_of(path, "event", '{"peak": 500, "duration": 600}')


def setting(path: str) -> object:
    """Check a setting against two variables, of which one is an object."""
    folder = PROJECT / ".state/examples"
    folder.mkdir(parents=True, exist_ok=True)
    variables, values = folder / "variables.tf", folder / "typed.tfvars"
    variables.write_text(
        'variable "batch_size" {\n  type = number\n}\n'
        'variable "stream" {\n  type = object({ shard_count = optional(number) })\n}\n'
    )
    outer, _, inner = path.partition(".")
    values.write_text(f"{outer} = {{ {inner} = 1 }}\n" if inner else f"{outer} = 1\n")
    tfvars.known(values, variables)
    return None


# Each error with an example, by what causes it; the parser is what has to accept the example.
CASES: dict[str, tuple[Parser, str]] = {
    "a duration without unit": (parse_duration, "10"),
    "words for a duration": (parse_duration, "a while"),
    "words for a time": (lambda text: parse_moment(text, NOW), "tomorrow"),
    "words for a time from now": (lambda text: parse_moment(text, NOW), "+soon"),
    "a date": (lambda text: parse_moment(text, NOW), "2026-11-29"),
    "a time without offset": (lambda text: parse_moment(text, NOW), "2026-11-29T20:15"),
    "a time in another century": (lambda text: parse_moment(text, NOW), "+9999999d"),
    "a label without a sign": (parse_label, "pizza"),
    "an amount with a decimal comma": (amount, "1,5M"),
    "words for an amount": (amount, "many"),
    "an event's duration without unit": (lambda text: sizing._read(seconds, "duration", text), "10"),
    "words for an event's duration": (seconds, "a while"),
    "an event file that is a list": (event_file, "[]"),
    "a step that does not divide a second": (lambda text: sizing._step({"step": float(text)}), "0.3"),
    "a load test's host that is not an address": (lambda text: refuse_bad_host("--host", text), "nonsense"),
    "a misspelt setting": (setting, "stream.shardcount"),
    "an unknown processor": (target_named, "mips"),
    "an unknown emulator": (lambda text: CloudSettings.from_environment({"EMULATOR": text}), "moto"),
    "a word for a port": (lambda text: CloudSettings.from_environment({"LOCALCLOUD_PORT": text}), "http"),
    "an endpoint whose name is unknown": (
        lambda text: environment({"AWS_ENDPOINT_URL": text, "AWS_REGION": "us-east-1"}),
        "http://no-such-host.invalid:4566",
    ),
}


def refusal(parse: Parser, typed: str) -> UserError | LocalCloudError | None:
    try:
        parse(typed)
    except (UserError, LocalCloudError) as error:
        return error
    return None


@pytest.mark.parametrize(("parse", "typed"), CASES.values(), ids=CASES)
def test_each_example_is_in_its_message_and_is_accepted(parse: Parser, typed: str) -> None:
    error = refusal(parse, typed)
    assert error is not None
    assert error.examples
    for example in error.examples:
        assert example.rpartition(".")[2] in str(error)
        assert refusal(parse, example) is None


OPEN = (
    "a duration without unit",
    "a label without a sign",
    "words for an amount",
    "words for an event's duration",
)
MOMENTS = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9])?)?", fullmatch=True
)
ENDINGS = st.sampled_from(
    ["", "Z", "+01:00", "-05:00", "+0100", " +01:00", "+01", "[Europe/Berlin]", "+01:00+00:00"]
)
NUMBERS = st.text("0123456789.,_eEkMBsmhd+- ", max_size=20)
TYPED = st.one_of(
    st.text(max_size=40),
    NUMBERS,
    st.builds(str.__add__, MOMENTS, ENDINGS),
    st.builds(str.__add__, st.just("+"), NUMBERS),
)


@given(TYPED, st.integers(0, END_OF_TIME_MS - 2 * 86_400_000))
def test_examples_in_error_messages_are_accepted(typed: str, now_ms: int) -> None:
    parsers: list[Parser] = [CASES[name][0] for name in OPEN]
    for parse in (*parsers, lambda text: parse_moment(text, now_ms)):
        error = refusal(parse, typed)
        if error is not None:
            assert error.examples
            for example in error.examples:
                assert example in str(error)
                assert refusal(parse, example) is None


# Every place in the source


@cache
def sources() -> dict[Path, ast.Module]:
    files = [path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))]
    return {path: ast.parse(path.read_text("utf-8")) for path in files}


def words(node: ast.AST) -> str:
    """Return the literal text of an expression, with <> for each inserted value."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.FormattedValue):
        return "<>"
    return "".join(words(child) for child in ast.iter_child_nodes(node))


def errors() -> Iterator[tuple[Path, ast.Call]]:
    """Yield each call that makes an error of a person's input."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in {"OperatorError", "UserError", "InvalidInput", "BadFile", "SettingError"}:
                    yield path, node


def has_examples(call: ast.Call) -> bool:
    return any(keyword.arg == "examples" for keyword in call.keywords)


def test_each_error_that_suggests_something_names_its_examples() -> None:
    missing = [
        f"{path.relative_to(PROJECT)}:{call.lineno}: {words(call)}"
        for path, call in errors()
        if SUGGESTS.search(words(call)) and not has_examples(call)
    ]
    assert missing == []


def lines_of(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next


def test_each_error_with_examples_has_a_case() -> None:
    reached: set[tuple[str, int]] = set()
    for parse, typed in CASES.values():
        error: BaseException | None = refusal(parse, typed)
        while error is not None:
            reached |= set(lines_of(error.__traceback__))
            error = error.__context__
    untried = [
        f"{path.relative_to(PROJECT)}:{call.lineno}"
        for path, call in errors()
        if has_examples(call)
        and not any((str(path), line) in reached for line in range(call.lineno, (call.end_lineno or 0) + 1))
    ]
    assert untried == []


# Commands


def literals() -> Iterator[tuple[str, str]]:
    """Yield every text in the source that is not a docstring, with its place."""
    for path, tree in sources().items():
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inside: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                inside |= {id(child) for child in ast.walk(node)} - {id(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in documented | inside:
                yield f"{path.relative_to(PROJECT)}:{node.lineno}", words(node)


def test_each_printed_command_is_accepted() -> None:
    wrong = []
    for place, text in literals():
        for typed in re.findall(r"`votectl ([^`]+)`", text):
            if typed == "<>":  # what `command` itself builds
                continue
            if "<>" in typed:
                wrong.append(f"{place}: {typed}: an id may begin with a dash: use votectl.errors.command")
            elif "verify" not in place and (why := votectl_refuses(typed)):
                wrong.append(f"{place}: votectl {typed}: {why}")
        for target in re.findall(r"`make ([a-z-]+)", text):
            if target not in makefile.commands():
                wrong.append(f"{place}: make {target}: there is no such target")
    assert wrong == []


def test_each_built_command_is_accepted() -> None:
    """`command` quotes what it is given, so ids that begin with a dash work too."""
    wrong = []
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "command" and node.args:
                if not isinstance(node.args[0], ast.Constant):
                    continue
                options = next((words(k.value) for k in node.keywords if k.arg == "options"), "")
                for poll_id in ("lunch", "-lunch", "--help"):
                    given = [poll_id] * max(1, len(node.args) - 1)
                    printed = command(str(node.args[0].value), *given, options=options)
                    if why := votectl_refuses(printed.strip("`").removeprefix("votectl ")):
                        wrong.append(f"{path.relative_to(PROJECT)}:{node.lineno}: {printed}: {why}")
    assert wrong == []
