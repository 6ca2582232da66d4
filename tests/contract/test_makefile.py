"""`make help` lists every command, and every command that it lists exists."""

import re
import subprocess

import yaml

from contract.makefile import commands, phony, text
from contract.terraform_source import PROJECT


def test_every_target_for_people_has_a_line_of_help() -> None:
    # Targets called need-… are prerequisites of other targets, not commands.
    missing = {name for name in phony() - commands().keys() if not name.startswith("need-")}
    assert missing == set()


def test_every_command_is_phony() -> None:
    assert commands().keys() - phony() == set()


def test_help_prints_each_command_with_what_it_does() -> None:
    printed = subprocess.run(["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout

    lines = {
        words[1]: words[2]
        for line in printed.splitlines()
        if line.startswith("  make ")
        for words in [line.split(None, 2)]
    }
    assert lines.keys() == commands().keys()
    for name, said in commands().items():
        assert lines[name].startswith(said[:20].replace("$$", "$")), name


def test_pre_commit_runs_the_tools_of_make_check() -> None:
    recipe = re.search(r"^check: .*\n((?:\t.*\n)+)", text(), re.MULTILINE)
    assert recipe is not None
    checks = recipe[1].replace("$(LAYERS)", "$(BIN)/lint-imports")
    tools = re.findall(r"\$\(BIN\)/(\S+(?: check| format)?)", checks)

    configuration = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    entries = [hook["entry"] for repository in configuration["repos"] for hook in repository["hooks"]]
    hooks = [re.findall(r"^\.venv/bin/(\S+(?: check| format)?)", entry)[0] for entry in entries]

    assert len(tools) == 5
    assert hooks == tools
