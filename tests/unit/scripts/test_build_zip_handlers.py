"""The real archives of this project: every handler can be imported from its zip and Lambda's runtime alone."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts import build_zip
from scripts.bootstrap.layout import HERE

pytestmark = pytest.mark.slow

FUNCTIONS = build_zip.find_functions(HERE.root / "functions")

# boto3 and what it depends on are in Lambda's Python runtime; nothing else is.
RUNTIME = ["boto3", "botocore", "s3transfer", "urllib3", "dateutil", "six.py", "jmespath"]


@pytest.fixture(scope="module")
def archives() -> Path:
    return build_zip.build(HERE, build_zip.target_named("host"))[0]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    boto3 = importlib.util.find_spec("boto3")
    assert boto3 is not None
    assert boto3.origin is not None
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        (folder / name).symlink_to(Path(boto3.origin).parents[1] / name)
    return folder


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_imports_from_its_archive_without_environment(
    function: str, archives: Path, runtime: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(archives / f"{function}.zip") as archive:
        archive.extractall(tmp_path)
    carried = """
import aws_lambda_powertools, pydantic
pydantic.create_model("Model", number=(int, 1)).model_json_schema()
"""
    not_carried = """
for barred in ("aws_lambda_powertools", "pydantic", "boto3", "botocore"):
    assert barred not in sys.modules, barred
"""
    code = f"""
import os, sys
sys.path += [{str(tmp_path)!r}, {str(runtime)!r}]
from {function}.handler import lambda_handler
import {function}
{not_carried if function in build_zip.STANDALONE_BUDGETS else carried}
for name in ("aws_lambda_powertools", "pydantic", {function!r}):
    module = sys.modules.get(name)
    assert module is None or module.__file__.startswith({str(tmp_path)!r}), module
for module in tuple(sys.modules.values()):
    spec = module.__spec__
    if spec and spec.has_location and spec.origin.startswith({str(tmp_path)!r}) and spec.cached:
        # Otherwise it would be compiled at every start: see scripts/bytecode.py for what is left as source.
        assert os.path.exists(spec.cached), spec.origin + " is loaded and not compiled"
"""

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code], env={}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_archive_contains_no_file_that_handlers_never_read(function: str, archives: Path) -> None:
    with zipfile.ZipFile(archives / f"{function}.zip") as archive:
        names = archive.namelist()

    assert not [name for name in names if name.endswith((".pyi", "/py.typed", "/RECORD"))]
    assert not [name for name in names if name.startswith(("boto3/", "botocore/", "bin/"))]
