"""Compiles the archives' modules, so that a cold start does not: four tenths of its CPU went into that.

Lambda's folders can't be written to, so what an archive does not bring compiled is compiled at every start. A
build is to be repeatable, and .pyc files have a bad name there. What makes these ones so:

- they are valid by the source's hash (PEP 552) and not by its date;
- the path in them is the one that the module has in Lambda, wherever it was built;
- they are written in marshal's format 2. Later formats mark objects that are referred to more than once, and
  whether they are depends on what else the process holds (github.com/python/cpython/issues/78274);
- one release of Python gives the same bytes on each machine. Another one may not (its compiler is mended, too),
  so its version is among a build's inputs, and Terraform deploys by a hash that leaves bytecode out.

The hash is not checked at a start: source and bytecode come in one archive, made of the same bytes. Python passes
over bytecode of another version than its own (by the file's magic number) and compiles the source beside it.
"""

import importlib.util
import marshal
import warnings
from collections.abc import Mapping
from pathlib import PurePosixPath

# Where Lambda unpacks an archive. Tracebacks are right elsewhere as well: an import mends the path.
_TASK_ROOT = "/var/task"

# PEP 552: the first bit says "by hash", the second one "to be checked".
_UNCHECKED_HASH = (1).to_bytes(4, "little")

_MARSHAL_FORMAT = 2

# No handler loads these: compiled they would fill the archive for nothing.
_LEFT_AS_SOURCE = (
    "aws_lambda_powertools/event_handler/",
    "aws_lambda_powertools/utilities/",
    "pydantic/experimental/",
    "pydantic/mypy.py",
    "pydantic/networks.py",
    "pydantic/v1/",
)
# Among these, the little that Logger and Metrics do load.
_COMPILED_YET = (
    "aws_lambda_powertools/utilities/__init__.py",
    "aws_lambda_powertools/utilities/jmespath_utils/",
)


def with_bytecode(files: Mapping[str, bytes], cache_tag: str) -> dict[str, bytes]:
    """Return files of an archive, by path, and beside each module that a start may load its compiled form.

    Args:
        files: content by path in the archive.
        cache_tag: the Python that runs them, as ``__pycache__`` spells it; this process has to be one.
    """
    compiled = {
        _path_of_bytecode(name, cache_tag): _bytecode(name, source)
        for name, source in files.items()
        if name.endswith(".py") and (not name.startswith(_LEFT_AS_SOURCE) or name.startswith(_COMPILED_YET))
    }
    return dict(files) | compiled


def is_bytecode(name: str) -> bool:
    """Say whether a path in an archive is a compiled module's."""
    return name.endswith(".pyc")


def _path_of_bytecode(name: str, cache_tag: str) -> str:
    module = PurePosixPath(name)
    return str(module.parent / "__pycache__" / f"{module.stem}.{cache_tag}.pyc")


def _bytecode(name: str, source: bytes) -> bytes:
    with warnings.catch_warnings(action="ignore"):  # of other people's code, which is as it is
        code = compile(source, f"{_TASK_ROOT}/{name}", "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code, _MARSHAL_FORMAT)
