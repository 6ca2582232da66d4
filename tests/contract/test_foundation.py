"""What infra/bootstrap allows is enough for what infra/ is made of, and no role of the platform gets around it."""

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from contract.terraform_source import INFRA, blocks, resources, root_modules

PERMISSIONS = (INFRA / "bootstrap" / "permissions.tf").read_text(encoding="utf-8")
ACTION = re.compile(r'"([a-z0-9-]+:[A-Za-z*]+)"')
MODULES = sorted(INFRA.glob("modules/*"))

# What infra/ names like an action and gives to no role of the platform: condition keys, and what a policy for somebody
# else's back end allows.
OF_NO_ROLE = {
    "aws:SecureTransport",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:kms",
    "dynamodb:Attributes",
    "dynamodb:Select",
    "execute-api:Invoke",
    "lambda:FunctionUrlAuthType",
    "lambda:InvokeFunctionUrl",
    "lambda:InvokedViaFunctionUrl",
    "kms:ViaService",
    # What a key's own policy allows to the account and to CloudWatch Logs.
    "kms:*",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    # What a key's own policy denies while deletion_protection is on.
    "kms:DeleteAlias",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
}

# What making, reading and removing a resource takes; of one kind, or of all whose type begins so. From AWS's service
# authorization reference and the calls that the provider makes.
TAKES: dict[str, set[str]] = {
    "aws_api_gateway_": {"apigateway:GET", "apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"},
    "aws_apigatewayv2_": {"apigateway:GET", "apigateway:POST", "apigateway:PATCH", "apigateway:DELETE"},
    "aws_appautoscaling_": {
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:DeleteScalingPolicy",
        "iam:CreateServiceLinkedRole",
    },
    "aws_cloudfront_": {
        "cloudfront:CreateDistribution",
        "cloudfront:CreateFunction",
        "cloudfront:CreateCachePolicy",
        "cloudfront:PublishFunction",
        "cloudfront:GetDistribution",
        "cloudfront:DescribeFunction",
        "cloudfront:UpdateDistribution",
        "cloudfront:DeleteDistribution",
    },
    "aws_cloudwatch_dashboard": {
        "cloudwatch:PutDashboard",
        "cloudwatch:GetDashboard",
        "cloudwatch:DeleteDashboards",
    },
    "aws_cloudwatch_log_group": {
        "logs:CreateLogGroup",
        "logs:DescribeLogGroups",
        "logs:PutRetentionPolicy",
        "logs:DeleteLogGroup",
    },
    "aws_cloudwatch_metric_alarm": {
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:DeleteAlarms",
    },
    "aws_cognito_user_pool": {
        "cognito-idp:CreateUserPool",
        "cognito-idp:DescribeUserPool",
        "cognito-idp:UpdateUserPool",
        "cognito-idp:DeleteUserPool",
        "cognito-idp:GetUserPoolMfaConfig",
        "cognito-idp:CreateUserPoolClient",
        "cognito-idp:DescribeUserPoolClient",
        "cognito-idp:CreateUserPoolDomain",
        "cognito-idp:DescribeUserPoolDomain",
    },
    "aws_dynamodb_table_item": {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"},
    "aws_dynamodb_table": {
        "dynamodb:CreateTable",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:DeleteTable",
        "dynamodb:ListTagsOfResource",
        "dynamodb:TagResource",
    },
    "aws_iam_policy": {
        "iam:CreatePolicy",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:ListPolicyVersions",
        "iam:DeletePolicy",
    },
    "aws_iam_role": {
        "iam:CreateRole",
        "iam:GetRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:ListInstanceProfilesForRole",
        "iam:DeleteRole",
        "iam:PassRole",
    },
    "aws_iam_role_policy": {"iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy"},
    "aws_kinesis_stream": {
        "kinesis:CreateStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:UpdateShardCount",
        "kinesis:UpdateStreamMode",
        "kinesis:IncreaseStreamRetentionPeriod",
        "kinesis:DecreaseStreamRetentionPeriod",
        "kinesis:StartStreamEncryption",
        "kinesis:EnableEnhancedMonitoring",
        "kinesis:ListTagsForStream",
        "kinesis:AddTagsToStream",
        "kinesis:DeleteStream",
    },
    "aws_kinesis_stream_consumer": {
        "kinesis:RegisterStreamConsumer",
        "kinesis:DescribeStreamConsumer",
        "kinesis:DeregisterStreamConsumer",
    },
    "aws_kms_alias": {"kms:CreateAlias", "kms:ListAliases", "kms:UpdateAlias", "kms:DeleteAlias"},
    "aws_kms_key": {
        "kms:CreateKey",
        "kms:DescribeKey",
        "kms:EnableKeyRotation",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UpdateKeyDescription",
        # The rights that DynamoDB needs for an encrypted table, and CloudWatch Logs for a log group.
        "kms:CreateGrant",
        "logs:AssociateKmsKey",
    },
    "aws_lambda_alias": {
        "lambda:CreateAlias",
        "lambda:DeleteAlias",
        "lambda:GetAlias",
        "lambda:UpdateAlias",
    },
    "aws_lambda_event_source_mapping": {
        "lambda:CreateEventSourceMapping",
        "lambda:GetEventSourceMapping",
        "lambda:UpdateEventSourceMapping",
        "lambda:DeleteEventSourceMapping",
    },
    "aws_lambda_function": {
        "lambda:CreateFunction",
        "lambda:GetFunction",
        "lambda:GetFunctionCodeSigningConfig",
        "lambda:ListVersionsByFunction",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "lambda:PutFunctionConcurrency",
        "lambda:DeleteFunctionConcurrency",
        "lambda:DeleteFunction",
    },
    "aws_lambda_function_url": {
        "lambda:CreateFunctionUrlConfig",
        "lambda:DeleteFunctionUrlConfig",
        "lambda:GetFunctionUrlConfig",
        "lambda:UpdateFunctionUrlConfig",
    },
    "aws_lambda_provisioned_concurrency_config": {
        "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:PutProvisionedConcurrencyConfig",
    },
    "aws_lambda_function_event_invoke_config": {
        "lambda:DeleteFunctionEventInvokeConfig",
        "lambda:GetFunctionEventInvokeConfig",
        "lambda:PutFunctionEventInvokeConfig",
    },
    "aws_lambda_permission": {"lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"},
    "aws_route53_record": {
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:GetHostedZone",
        "route53:ListResourceRecordSets",
    },
    "aws_s3_object": {
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:ListBucketVersions",
    },
    "aws_s3_bucket": {
        "s3:CreateBucket",
        "s3:ListBucket",
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutEncryptionConfiguration",
        "s3:GetEncryptionConfiguration",
        "s3:PutLifecycleConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:PutBucketTagging",
        "s3:DeleteBucket",
    },
    "aws_scheduler_schedule_group": {
        "scheduler:CreateScheduleGroup",
        "scheduler:GetScheduleGroup",
        "scheduler:DeleteScheduleGroup",
        "scheduler:ListTagsForResource",
    },
    "aws_sfn_state_machine": {
        "states:CreateStateMachine",
        "states:DescribeStateMachine",
        "states:UpdateStateMachine",
        "states:DeleteStateMachine",
        "states:ValidateStateMachineDefinition",
        "states:ListStateMachineVersions",
    },
    "aws_sns_topic": {
        "sns:CreateTopic",
        "sns:GetTopicAttributes",
        "sns:SetTopicAttributes",
        "sns:Subscribe",
        "sns:DeleteTopic",
    },
    "aws_ssm_parameter": {
        "ssm:PutParameter",
        "ssm:GetParameter",
        "ssm:DescribeParameters",
        "ssm:DeleteParameter",
    },
    "aws_wafv2_web_acl": {
        "wafv2:CreateWebACL",
        "wafv2:GetWebACL",
        "wafv2:UpdateWebACL",
        "wafv2:DeleteWebACL",
        "wafv2:AssociateWebACL",
        "wafv2:GetWebACLForResource",
        "wafv2:DisassociateWebACL",
        "apigateway:SetWebACL",
    },
    # It exists in the state only.
    "terraform_data": set(),
}


@cache
def allowed(section: str) -> list[str]:
    """Return the actions of one part of permissions.tf: ``statements`` or ``boundary_statements``."""
    found = re.search(rf"^  {section} = {{\n(.*?)^  }}\n", PERMISSIONS, re.MULTILINE | re.DOTALL)
    assert found
    return ACTION.findall(found[1])


def is_allowed(action: str, section: str) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in allowed(section))


def kinds() -> set[str]:
    """Return every type of resource that the root and its modules make in the account."""
    files = [*INFRA.glob("*.tf"), *INFRA.glob("modules/*/*.tf")]
    return {
        kind
        for file in files
        for kind in re.findall(r'^resource "(aws_\w+)"', file.read_text("utf-8"), re.MULTILINE)
    }


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_deploying_role_may_make_whatever_the_platform_is_made_of(kind: str) -> None:
    known = max((prefix for prefix in TAKES if kind.startswith(prefix)), key=len, default=None)
    assert known, f"{kind} is new: say in TAKES what it takes, and allow it in infra/bootstrap/permissions.tf"
    assert {action for action in TAKES[known] if not is_allowed(action, "statements")} == set()


def test_the_boundary_leaves_the_platform_what_it_needs() -> None:
    granted = set()
    for file in [INFRA / "main.tf", *INFRA.glob("modules/*/*.tf")]:
        # What resource policies deny or allow to others is no permission of a role.
        text = re.sub(r'Action\s*=\s*"(s3:\*|sts:AssumeRole)"', "", file.read_text("utf-8"))
        granted |= set(ACTION.findall(text)) - OF_NO_ROLE
    assert granted, "nothing was found to compare"
    assert {action for action in granted if not is_allowed(action, "boundary_statements")} == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_role_is_held_within_the_boundary(module: Path) -> None:
    for file in module.glob("*.tf"):
        for name, role in resources(file, "aws_iam_role").items():
            assert role.get("permissions_boundary") == "${var.permissions_boundary_arn}", (
                f"{file.name}: {name}"
            )


def test_the_boundary_is_handed_to_every_module_that_has_a_role() -> None:
    for name, call in root_modules().items():
        variables = blocks(INFRA / call["source"] / "variables.tf", "variable")
        if "permissions_boundary_arn" in variables:
            assert call.get("permissions_boundary_arn") == "${local.permissions_boundary_arn}", name
