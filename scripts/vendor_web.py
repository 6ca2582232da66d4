"""Copies the libraries of the pages from npm: the built file and its licence, and writes down version and SHA-256."""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.bootstrap import process

ROOT = Path(__file__).parents[1]
WEB = ROOT / "web"
LIST = WEB / "vendored.json"


def main() -> None:
    """Lock what package.json names, and copy what vendored.json lists."""
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not on the PATH: install Node.js, which is needed only for taking newer libraries")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(WEB / file, folder)
        subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=folder, check=True)
        shutil.copy(folder / "package-lock.json", WEB)
        files = json.loads(LIST.read_text())
        for file in files:
            package, target = folder / "node_modules" / file["package"], ROOT / file["path"]
            shutil.copy(package / file["source"], target)
            shutil.copy(package / "LICENSE", target.with_suffix(".LICENSE"))
            file["version"] = json.loads((package / "package.json").read_text())["version"]
            file["sha256"] = hashlib.sha256(target.read_bytes()).hexdigest()
    LIST.write_text("[\n" + ",\n".join(f"  {json.dumps(file)}" for file in files) + "\n]\n")


if __name__ == "__main__":
    process.run("scripts.vendor_web:main")
