"""`deletion_protection` keeps a KMS key: its policy refuses the deletion until the protection is off."""

import json
import subprocess
from pathlib import Path

import boto3
import pytest

from e2e.observing import new_id
from scripts.bootstrap import infra, terraform
from scripts.bootstrap.layout import HERE

CONFIGURATION = f"""
terraform {{
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }}
  }}

  backend "local" {{}}
}}

variable "protected" {{
  type = bool
}}

variable "name" {{
  type = string
}}

module "key" {{
  source = "{HERE.root}/infra/modules/kms_key"

  deletion_protection_enabled = var.protected
  description                 = "A protected key"
  log_group_names             = ["/aws/lambda/${{var.name}}-*"]
  name                        = var.name
}}
"""


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as a role that may do everything that the key's policy does not deny."""
    iam, name = boto3.client("iam"), new_id("owner")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=document(everything))
    answer = boto3.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", answer["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", answer["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", answer["SessionToken"])


def document(statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.mark.local_cloud
@pytest.mark.usefixtures("deployment", "owner")
def test_a_protected_key_survives_an_attempt_to_delete_it(tmp_path: Path) -> None:
    tool, name = terraform.ensure(HERE), new_id("kept")
    (tmp_path / "main.tf").write_text(CONFIGURATION, "utf-8")
    infra.init(HERE, tool, tmp_path, tmp_path / ".terraform", [])

    def run(command: str, *, protected: bool) -> subprocess.CompletedProcess[str]:
        variables = [f"-var=protected={json.dumps(protected)}", f"-var=name={name}"]
        return subprocess.run(
            [tool, f"-chdir={tmp_path}", command, "-no-color", "-auto-approve", *variables],
            env=terraform.environment(TF_DATA_DIR=str(tmp_path / ".terraform"), TF_IN_AUTOMATION="1"),
            capture_output=True,
            text=True,
            check=False,
        )

    made = run("apply", protected=True)
    assert made.returncode == 0, made.stdout + made.stderr
    refused = run("destroy", protected=True)
    assert refused.returncode != 0
    assert "AccessDenied" in refused.stderr
    kms = boto3.Session().client("kms")
    state = json.loads((tmp_path / "terraform.tfstate").read_text("utf-8"))
    (key_id,) = (
        instance["attributes"]["key_id"]
        for resource in state["resources"]
        if resource["type"] == "aws_kms_key"
        for instance in resource["instances"]
    )
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"

    assert run("apply", protected=False).returncode == 0
    removed = run("destroy", protected=False)
    assert removed.returncode == 0, removed.stdout + removed.stderr
