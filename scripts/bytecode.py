"""Compiles the archives' modules, so that a cold start does not have to: it took four tenths of its CPU.

Lambda's folders are read-only, so Python would compile every uncompiled module at every start. A build has to be
repeatable, and .pyc files usually are not. These ones are:

- they are valid by the source's hash (PEP 552) and not by its date;
- the path in them is the one that the module has in Lambda, wherever it was built;
- they are written in marshal's format 2. Later formats mark objects that are referred to more than once, and
  whether they are depends on other objects of the process (github.com/python/cpython/issues/78274);
- one release of Python gives the same bytes on each machine. Another release may not, so its version is among a
  build's inputs, and Terraform deploys by a hash that leaves bytecode out.

The hash is not checked at a start: source and bytecode come in one archive, made of the same bytes. Python ignores
bytecode of another version than its own (by the file's magic number) and compiles the source next to it.
"""

import importlib.util
import marshal
import warnings
from collections.abc import Mapping
from pathlib import PurePosixPath

# Where Lambda unpacks an archive. Tracebacks are right elsewhere as well, because an import corrects the path.
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
# The exceptions among these, which Logger and Metrics load.
_COMPILED_YET = (
    "aws_lambda_powertools/utilities/__init__.py",
    "aws_lambda_powertools/utilities/jmespath_utils/",
)


def with_bytecode(files: Mapping[str, bytes], cache_tag: str) -> dict[str, bytes]:
    """Return files of an archive, by path, with the compiled form of each module that a start may load.

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
    """Say whether a path in an archive is that of a compiled module."""
    return name.endswith(".pyc")


def _path_of_bytecode(name: str, cache_tag: str) -> str:
    module = PurePosixPath(name)
    return str(module.parent / "__pycache__" / f"{module.stem}.{cache_tag}.pyc")


def _bytecode(name: str, source: bytes) -> bytes:
    with warnings.catch_warnings(action="ignore"):  # about other projects' code
        code = compile(source, f"{_TASK_ROOT}/{name}", "exec", dont_inherit=True, optimize=0)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return header + marshal.dumps(code, _MARSHAL_FORMAT)
