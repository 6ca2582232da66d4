"""infra/bootstrap allows everything that infra/ needs, and no role of the platform exceeds its boundary."""

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from contract.terraform_source import INFRA, blocks, parsed, resources, root_modules

PERMISSIONS = (INFRA / "bootstrap" / "permissions.tf").read_text(encoding="utf-8")
ACTION = re.compile(r'"([a-z0-9-]+:[A-Za-z*]+)"')
MODULES = sorted(INFRA.glob("modules/*"))

# Texts in infra/ that look like actions but are granted to no role of the platform: condition keys, and the actions of
# a policy for other people's back ends.
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

# The actions to create, read and delete a resource, by its type or by the beginning of types. From AWS's
# service authorization reference and the calls that the provider makes.
TAKES: dict[str, str] = {
    "aws_api_gateway_": "apigateway: GET POST PATCH DELETE",
    "aws_apigatewayv2_": "apigateway: GET POST PATCH DELETE",
    "aws_appautoscaling_": """
        application-autoscaling: RegisterScalableTarget PutScalingPolicy DescribeScalableTargets
        DescribeScalingPolicies DeregisterScalableTarget DeleteScalingPolicy iam: CreateServiceLinkedRole
    """,
    "aws_cloudfront_": """
        cloudfront: CreateDistribution CreateFunction CreateCachePolicy PublishFunction GetDistribution
        DescribeFunction UpdateDistribution DeleteDistribution
    """,
    "aws_cloudwatch_dashboard": "cloudwatch: PutDashboard GetDashboard DeleteDashboards",
    "aws_cloudwatch_log_group": "logs: CreateLogGroup DescribeLogGroups PutRetentionPolicy DeleteLogGroup",
    "aws_cloudwatch_metric_alarm": "cloudwatch: PutMetricAlarm DescribeAlarms DeleteAlarms",
    "aws_cognito_user_pool": """
        cognito-idp: CreateUserPool DescribeUserPool UpdateUserPool DeleteUserPool GetUserPoolMfaConfig
        CreateUserPoolClient DescribeUserPoolClient CreateUserPoolDomain DescribeUserPoolDomain
    """,
    "aws_dynamodb_table_item": "dynamodb: DeleteItem GetItem PutItem",
    "aws_dynamodb_table": """
        dynamodb: CreateTable DescribeTable DescribeTimeToLive DescribeContinuousBackups UpdateTable
        UpdateTimeToLive UpdateContinuousBackups DeleteTable ListTagsOfResource TagResource
    """,
    "aws_iam_policy": "iam: CreatePolicy GetPolicy GetPolicyVersion ListPolicyVersions DeletePolicy",
    "aws_iam_role": """
        iam: CreateRole GetRole UpdateAssumeRolePolicy PutRolePermissionsBoundary
        ListInstanceProfilesForRole DeleteRole PassRole
    """,
    "aws_iam_role_policy": "iam: PutRolePolicy GetRolePolicy DeleteRolePolicy",
    "aws_kinesis_stream": """
        kinesis: CreateStream DescribeStreamSummary UpdateShardCount UpdateStreamMode
        IncreaseStreamRetentionPeriod DecreaseStreamRetentionPeriod StartStreamEncryption
        EnableEnhancedMonitoring ListTagsForStream AddTagsToStream DeleteStream
    """,
    "aws_kinesis_stream_consumer": """
        kinesis: RegisterStreamConsumer DescribeStreamConsumer DeregisterStreamConsumer
    """,
    "aws_kms_alias": "kms: CreateAlias ListAliases UpdateAlias DeleteAlias",
    # Grants: the rights that DynamoDB needs for an encrypted table. CloudWatch Logs needs its own call.
    "aws_kms_key": """
        kms: CreateKey DescribeKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListResourceTags
        PutKeyPolicy ScheduleKeyDeletion TagResource UpdateKeyDescription CreateGrant logs: AssociateKmsKey
    """,
    "aws_lambda_alias": "lambda: CreateAlias DeleteAlias GetAlias UpdateAlias",
    "aws_lambda_event_source_mapping": """
        lambda: CreateEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping
        DeleteEventSourceMapping
    """,
    "aws_lambda_function": """
        lambda: CreateFunction GetFunction GetFunctionCodeSigningConfig ListVersionsByFunction
        UpdateFunctionCode UpdateFunctionConfiguration PutFunctionConcurrency DeleteFunctionConcurrency
        DeleteFunction
    """,
    "aws_lambda_function_url": """
        lambda: CreateFunctionUrlConfig DeleteFunctionUrlConfig GetFunctionUrlConfig UpdateFunctionUrlConfig
    """,
    "aws_lambda_provisioned_concurrency_config": """
        lambda: DeleteProvisionedConcurrencyConfig GetProvisionedConcurrencyConfig
        PutProvisionedConcurrencyConfig
    """,
    "aws_lambda_function_event_invoke_config": """
        lambda: DeleteFunctionEventInvokeConfig GetFunctionEventInvokeConfig PutFunctionEventInvokeConfig
    """,
    "aws_lambda_permission": "lambda: AddPermission GetPolicy RemovePermission",
    "aws_route53_record": "route53: ChangeResourceRecordSets GetChange GetHostedZone ListResourceRecordSets",
    "aws_s3_object": """
        s3: GetObject GetObjectTagging PutObject PutObjectTagging DeleteObject DeleteObjectVersion
        ListBucketVersions
    """,
    "aws_s3_bucket": """
        s3: CreateBucket ListBucket GetBucketPolicy PutBucketPolicy DeleteBucketPolicy
        PutBucketPublicAccessBlock PutEncryptionConfiguration GetEncryptionConfiguration
        PutLifecycleConfiguration GetLifecycleConfiguration PutBucketTagging DeleteBucket
    """,
    "aws_scheduler_schedule_group": """
        scheduler: CreateScheduleGroup GetScheduleGroup DeleteScheduleGroup ListTagsForResource
    """,
    "aws_sfn_state_machine": """
        states: CreateStateMachine DescribeStateMachine UpdateStateMachine DeleteStateMachine
        ValidateStateMachineDefinition ListStateMachineVersions
    """,
    "aws_sns_topic": "sns: CreateTopic GetTopicAttributes SetTopicAttributes Subscribe DeleteTopic",
    "aws_ssm_parameter": "ssm: PutParameter GetParameter DescribeParameters DeleteParameter",
    "aws_wafv2_web_acl": """
        wafv2: CreateWebACL GetWebACL UpdateWebACL DeleteWebACL AssociateWebACL GetWebACLForResource
        DisassociateWebACL apigateway: SetWebACL
    """,
    # It exists in the state only.
    "terraform_data": "",
}


def taken(kind: str) -> set[str]:
    """Return the actions that TAKES has for a kind of resource."""
    actions, service = set(), ""
    for word in TAKES[kind].split():
        if word.endswith(":"):
            service = word
        else:
            actions.add(service + word)
    return actions


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
def test_the_deploying_role_may_create_each_kind_of_resource(kind: str) -> None:
    known = max((prefix for prefix in TAKES if kind.startswith(prefix)), key=len, default=None)
    assert known, f"{kind} is new: say in TAKES what it takes, and allow it in infra/bootstrap/permissions.tf"
    assert {action for action in taken(known) if not is_allowed(action, "statements")} == set()


def test_the_boundary_allows_what_the_platform_needs() -> None:
    granted = set()
    for file in [INFRA / "main.tf", *INFRA.glob("modules/*/*.tf")]:
        # Resource policies give roles of the platform no permission.
        text = re.sub(r'Action\s*=\s*"(s3:\*|sts:AssumeRole)"', "", file.read_text("utf-8"))
        granted |= set(ACTION.findall(text)) - OF_NO_ROLE
    assert granted, "nothing was found to compare"
    assert {action for action in granted if not is_allowed(action, "boundary_statements")} == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_role_has_the_boundary(module: Path) -> None:
    for file in module.glob("*.tf"):
        for name, role in resources(file, "aws_iam_role").items():
            assert role.get("permissions_boundary") in (
                "${var.permissions_boundary_arn}",
                "${var.deployment.permissions_boundary_arn}",
            ), f"{file.name}: {name}"


def test_every_module_with_a_role_gets_the_boundary() -> None:
    boundary = "${local.permissions_boundary_arn}"
    (wiring,) = parsed(INFRA / "wiring.tf")["locals"]
    assert wiring["deployment"]["permissions_boundary_arn"] == boundary
    for name, call in root_modules().items():
        variables = blocks(INFRA / call["source"] / "variables.tf", "variable")
        if "permissions_boundary_arn" in variables:
            assert call.get("permissions_boundary_arn") == boundary, name
        if "deployment" in variables:
            assert re.match(r"\$\{(merge\()?local\.deployment\b(?!.*boundary)", call["deployment"]), name
    consumer = blocks(INFRA / "modules/stream_consumer/main.tf", "module")["function"]
    assert consumer["deployment"] == "${var.deployment}"
