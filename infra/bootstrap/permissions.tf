# The permissions of the roles, by service and by name. The names of all resources begin with project and environment.
# jsonencode rather than the policy data source: the reason is in ../modules/function/iam.tf.
#
# No role may read or write votes: no item of a table (except polls, for the smoke test, and the row of held lanes), no
# record of the stream, no object of a failure bucket, no line of a log.
locals {
  # "arn:aws:lambda:us-east-1:111122223333:"
  arn = {
    for service in [
      "apigateway", "application-autoscaling", "cloudwatch", "cognito-idp", "dynamodb", "kinesis", "kms", "lambda", "logs",
      "scheduler", "sns", "ssm", "states", "wafv2",
    ] : service => "arn:${local.partition}:${service}:${var.aws_region}:${local.account_id}:"
  }
  iam_arn = "arn:${local.partition}:iam::${local.account_id}:"
  # API Gateway's own ARNs name no account, and CloudFront's and CloudWatch's dashboards no region.
  apigateway_arn = "arn:${local.partition}:apigateway:${var.aws_region}::"
  cloudfront_arn = "arn:${local.partition}:cloudfront::${local.account_id}:"
  dashboard_arn  = "arn:${local.partition}:cloudwatch::${local.account_id}:dashboard/"

  buckets    = "arn:${local.partition}:s3:::${local.name_prefix}-*"
  pages      = [for part in ["", "/*"] : "arn:${local.partition}:s3:::${local.name_prefix}-pages-${local.account_id}${part}"]
  tables     = "${local.arn["dynamodb"]}table/${local.name_prefix}-*"
  polls      = "${local.arn["dynamodb"]}table/${local.name_prefix}-polls"
  tallies    = "${local.arn["dynamodb"]}table/${local.name_prefix}-tallies"
  streams    = ["${local.arn["kinesis"]}stream/${local.name_prefix}-*"]
  functions  = "${local.arn["lambda"]}function:${local.name_prefix}-*"
  mappings   = "${local.arn["lambda"]}event-source-mapping:*"
  parameters = "${local.arn["ssm"]}parameter/${var.project}/${var.environment}/*"
  topics     = "${local.arn["sns"]}${local.name_prefix}-*"
  machines   = "${local.arn["states"]}stateMachine:${local.name_prefix}-*"
  executions = "${local.arn["states"]}execution:${local.name_prefix}-*"
  groups     = "${local.arn["scheduler"]}schedule-group/${local.name_prefix}-*"
  schedules  = "${local.arn["scheduler"]}schedule/${local.name_prefix}-*"
  # /aws/lambda/<prefix>-…, /aws/api-gateway/<prefix>, aws-waf-logs-<prefix>: not <prefix>2, another environment's.
  log_groups = flatten([
    for name in ["/aws/*/${local.name_prefix}", "aws-waf-logs-${local.name_prefix}"] :
    ["${local.arn["logs"]}log-group:${name}", "${local.arn["logs"]}log-group:${name}:*", "${local.arn["logs"]}log-group:${name}-*"]
  ])
  alarms = ["${local.arn["cloudwatch"]}alarm:${local.name_prefix}-*", "${local.dashboard_arn}${local.name_prefix}", "${local.dashboard_arn}${local.name_prefix}-*"]
  # The ARNs of these hold ids, not names. Policies can tell them apart by region and kind, or by tags if AWS supports it.
  apis            = [for kind in ["account", "apikeys", "apikeys/*", "apis/*", "domainnames", "domainnames/*", "restapis", "restapis/*", "tags/*", "usageplans", "usageplans/*"] : "${local.apigateway_arn}/${kind}"]
  stages          = "${local.apigateway_arn}/restapis/*/stages/*"
  api_collections = [for kind in ["apikeys", "apis", "domainnames", "restapis", "usageplans"] : "${local.apigateway_arn}/${kind}"]
  cdn_functions   = ["${local.cloudfront_arn}function/${local.name_prefix}", "${local.cloudfront_arn}function/${local.name_prefix}-*"]
  cdn_policies    = [for kind in ["cache-policy", "origin-access-control", "response-headers-policy"] : "${local.cloudfront_arn}${kind}/*"]
  distributions   = "${local.cloudfront_arn}distribution/*"
  pools           = "${local.arn["cognito-idp"]}userpool/*"
  web_acl         = ["${local.arn["wafv2"]}regional/webacl/${local.name_prefix}/*", "${local.arn["wafv2"]}regional/webacl/${local.name_prefix}-*", "${local.arn["wafv2"]}regional/managedruleset/*"]
  # AWS takes CloudFront's firewalls in us-east-1 only, whatever the region of the rest.
  edge_acl = [for name in ["${local.name_prefix}/*", "${local.name_prefix}-*"] : "arn:${local.partition}:wafv2:us-east-1:${local.account_id}:global/webacl/${name}"]

  # Ids are in the ARNs of keys, too; the key of `encryption.kms_key_arn` may be another account's.
  keys          = "${local.arn["kms"]}key/*"
  any_keys      = "arn:${local.partition}:kms:${var.aws_region}:*:key/*"
  key_alias     = "${local.arn["kms"]}alias/${local.name_prefix}"
  through_store = [for service in ["dynamodb", "kinesis", "s3"] : "${service}.${var.aws_region}.amazonaws.com"]

  held_lanes = { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["_lanes"] } }

  boundary_arn      = "${local.iam_arn}policy${local.path}${local.name_prefix}-boundary"
  platform_roles    = "${local.iam_arn}role/${local.name_prefix}-*"
  platform_policies = "${local.iam_arn}policy/${local.name_prefix}-*"
  tagged            = { StringEquals = { "aws:ResourceTag/Project" = var.project, "aws:ResourceTag/Environment" = var.environment } }
  # For tagging: new tags and existing tags must be this environment's.
  tagged_if_it_is = merge(local.to_be_tagged, { StringEqualsIfExists = local.tagged.StringEquals })
  to_be_tagged    = { StringEquals = { "aws:RequestTag/Project" = var.project, "aws:RequestTag/Environment" = var.environment } }

  # Each statement is [actions, resources] or [actions, resources, condition]; the policies' texts are made below.
  statements = {
    read = {
      Find = [[
        "application-autoscaling:Describe*", "application-autoscaling:ListTagsForResource", "cloudwatch:DescribeAlarms",
        "cognito-idp:DescribeUserPoolDomain", "dynamodb:ListTables", "kinesis:DescribeLimits", "kinesis:ListStreams", "kms:ListAliases",
        "lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "sns:GetSubscriptionAttributes", "ssm:DescribeParameters", "states:ValidateStateMachineDefinition", "sts:GetCallerIdentity",
      ], ["*"]]
      Buckets    = [["s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket", "s3:ListTagsForResource"], [local.buckets]]
      Functions  = [["lambda:GetAlias", "lambda:GetFunction*", "lambda:GetPolicy", "lambda:GetProvisionedConcurrencyConfig", "lambda:GetRuntimeManagementConfig", "lambda:ListTags", "lambda:ListVersionsByFunction"], [local.functions]]
      Groups     = [["scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"], [local.groups]]
      Keys       = [["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:GetPublicKey", "kms:ListResourceTags"], [local.keys], local.tagged]
      Logs       = [["logs:ListTagsForResource", "logs:ListTagsLogGroup"], local.log_groups]
      Machines   = [["states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"], [local.machines]]
      Mappings   = [["lambda:ListTags"], [local.mappings]]
      Parameters = [["ssm:GetParameter*", "ssm:ListTagsForResource"], [local.parameters]]
      Roles      = [["iam:GetRole*", "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags"], [local.platform_roles]]
      Policies   = [["iam:GetPolicy*", "iam:ListPolicyTags", "iam:ListPolicyVersions"], [local.platform_policies]]
      Streams    = [["kinesis:Describe*", "kinesis:ListShards", "kinesis:ListTags*"], concat(local.streams, ["${local.streams[0]}/consumer/*"])]
      Tables     = [["dynamodb:Describe*", "dynamodb:GetResourcePolicy", "dynamodb:ListTagsOfResource"], [local.tables]]
      # The polls that hold the writer's lanes, for which a plan refuses other lanes. The row has no counts.
      Lanes    = [["dynamodb:GetItem"], [local.tallies], local.held_lanes]
      LanesKey = [["kms:Decrypt"], [local.any_keys], { StringEquals = { "kms:ViaService" = "dynamodb.${var.aws_region}.amazonaws.com" } }]
    }

    read-front = {
      Alarms  = [["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"], local.alarms]
      Apis    = [["apigateway:GET"], local.apis]
      Cdn     = [["cloudfront:Describe*", "cloudfront:Get*", "cloudfront:ListTagsForResource"], concat(local.cdn_functions, local.cdn_policies, [local.distributions])]
      Pools   = [["cognito-idp:Describe*", "cognito-idp:Get*", "cognito-idp:ListTagsForResource"], [local.pools], local.tagged]
      Topics  = [["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"], [local.topics]]
      WebAcls = [["wafv2:Get*", "wafv2:ListTagsForResource"], concat(local.web_acl, local.edge_acl, [local.stages])]
      # To plan changes to them; everything in that bucket is public.
      Pages = [["s3:GetObject", "s3:GetObjectTagging", "s3:ListBucketVersions"], local.pages]
    }

    # Services at the front: API, firewall, sign-in, CDN, alarms.
    front = {
      # An API's parts have the tags of the API, so another environment's API in the same account is out of reach.
      NewApis  = [["apigateway:POST"], local.api_collections, local.to_be_tagged]
      Apis     = [["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:SetWebACL"], [for collection in local.api_collections : "${collection}/*"], local.tagged]
      Domains  = [["apigateway:AddCertificateToDomain"], ["${local.apigateway_arn}/domainnames", "${local.apigateway_arn}/domainnames/*"]]
      ApiTags  = [["apigateway:POST", "apigateway:PUT"], ["${local.apigateway_arn}/tags/*"], local.tagged_if_it_is]
      ApiUntag = [["apigateway:DELETE"], ["${local.apigateway_arn}/tags/*"], { StringEqualsIfExists = local.tagged.StringEquals }]
      WebAcls  = [["wafv2:AssociateWebACL", "wafv2:CreateWebACL", "wafv2:DeleteWebACL", "wafv2:DisassociateWebACL", "wafv2:TagResource", "wafv2:UntagResource", "wafv2:UpdateWebACL"], concat(local.web_acl, local.edge_acl, [local.stages])]
      NewPools = [["cognito-idp:CreateUserPool"], ["*"], local.to_be_tagged]
      Pools    = [["cognito-idp:*UserPoolClient", "cognito-idp:*UserPoolDomain", "cognito-idp:DeleteUserPool", "cognito-idp:SetUserPoolMfaConfig", "cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:UpdateUserPool"], [local.pools], local.tagged]
      # CloudFront asks IAM for these without a resource, so a statement that names one allows nothing.
      NewCdn      = [["cloudfront:CreateDistribution", "cloudfront:CreateFunction"], ["*"], local.to_be_tagged]
      NewPolicies = [["cloudfront:CreateCachePolicy", "cloudfront:CreateOriginAccessControl", "cloudfront:CreateResponseHeadersPolicy"], ["*"]]
      Cdn         = [["cloudfront:DeleteDistribution", "cloudfront:UntagResource", "cloudfront:UpdateDistribution"], [local.distributions], local.tagged]
      CdnTags     = [["cloudfront:TagResource"], concat([local.distributions], local.cdn_functions), local.tagged_if_it_is]
      CdnParts    = [["cloudfront:DeleteFunction", "cloudfront:PublishFunction", "cloudfront:UntagResource", "cloudfront:UpdateFunction"], local.cdn_functions]
      # CloudFront passes neither names nor tags of these: docs/security.md says what that means.
      CdnPolicies = [["cloudfront:DeleteCachePolicy", "cloudfront:DeleteOriginAccessControl", "cloudfront:DeleteResponseHeadersPolicy", "cloudfront:UpdateCachePolicy", "cloudfront:UpdateOriginAccessControl", "cloudfront:UpdateResponseHeadersPolicy"], local.cdn_policies]
      # The pages, and their settings. Everything in that bucket is public.
      Pages  = [["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject", "s3:PutObjectTagging"], [local.pages[1]]]
      Alarms = [["cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource"], local.alarms]
      Topics = [["sns:CreateTopic", "sns:DeleteTopic", "sns:SetSubscriptionAttributes", "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:Unsubscribe", "sns:UntagResource"], [local.topics]]
    }

    # Records for your own domain, in the zone that bootstrap was given.
    records = {
      for sid, statement in {
        Records = [["route53:ChangeResourceRecordSets", "route53:GetHostedZone", "route53:ListResourceRecordSets"], ["arn:${local.partition}:route53:::hostedzone/${coalesce(var.zone_id, "none")}"]]
        Changes = [["route53:GetChange"], ["arn:${local.partition}:route53:::change/*"]]
      } : sid => statement if var.zone_id != null
    }

    # Services that receive, store and count votes.
    back = {
      Streams = [
        ["kinesis:AddTagsToStream", "kinesis:CreateStream", "kinesis:DecreaseStreamRetentionPeriod", "kinesis:DeleteStream", "kinesis:DeregisterStreamConsumer", "kinesis:IncreaseStreamRetentionPeriod", "kinesis:RegisterStreamConsumer", "kinesis:RemoveTagsFromStream", "kinesis:StartStreamEncryption", "kinesis:StopStreamEncryption", "kinesis:TagResource", "kinesis:UntagResource"],
        concat(local.streams, ["${local.streams[0]}/consumer/*"]),
      ]
      Resharding = [["kinesis:DisableEnhancedMonitoring", "kinesis:EnableEnhancedMonitoring", "kinesis:UpdateShardCount", "kinesis:UpdateStreamMode"], ["*"], { StringEquals = { "aws:RequestedRegion" = var.aws_region } }]
      Functions  = [["lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction*", "lambda:DeleteAlias", "lambda:DeleteFunction*", "lambda:DeleteProvisionedConcurrencyConfig", "lambda:PublishVersion", "lambda:PutFunction*", "lambda:PutProvisionedConcurrencyConfig", "lambda:UpdateAlias", "lambda:RemovePermission", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateFunction*"], [local.functions]]
      Mappings   = [["lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping"], ["*"], { ArnLike = { "lambda:FunctionArn" = local.functions } }]
      TagMapping = [["lambda:TagResource", "lambda:UntagResource"], [local.mappings]]
      Tables     = [["dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:TagResource", "dynamodb:UntagResource", "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive"], [local.tables]]
      Lanes      = [["dynamodb:DeleteItem", "dynamodb:PutItem"], [local.tallies], local.held_lanes]
      Scaling = [
        ["application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget", "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget", "application-autoscaling:TagResource", "application-autoscaling:UntagResource"],
        ["${local.arn["application-autoscaling"]}scalable-target/*"],
        { StringEqualsIfExists = { "application-autoscaling:service-namespace" = "dynamodb" } },
      ]
      Buckets    = [["s3:CreateBucket", "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucket*", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:TagResource", "s3:UntagResource"], [local.buckets]]
      Machines   = [["states:CreateStateMachine", "states:DeleteStateMachine", "states:TagResource", "states:UntagResource", "states:UpdateStateMachine"], [local.machines]]
      Groups     = [["scheduler:CreateScheduleGroup", "scheduler:DeleteScheduleGroup", "scheduler:TagResource", "scheduler:UntagResource"], [local.groups]]
      Parameters = [["ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:PutParameter", "ssm:RemoveTagsFromResource"], [local.parameters]]
      Logs       = [["logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteRetentionPolicy", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource"], local.log_groups]
      LogAccess  = [["logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"], ["*"]]
    }

    # KMS keys, if the tfvars ask for them (`encryption`, `results_pack`, codes), and the permissions for encrypting a
    # table with one. The policy of an existing key has to admit this role.
    keys = {
      NewKeys   = [["kms:CreateKey"], ["*"], local.to_be_tagged]
      Keys      = [["kms:CreateAlias", "kms:DeleteAlias", "kms:EnableKeyRotation", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription"], [local.keys], local.tagged]
      Aliases   = [["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"], [local.key_alias, "${local.key_alias}-*"]]
      TableKeys = [["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"], [local.any_keys], { StringEquals = { "kms:ViaService" = local.through_store } }]
      LogKeys   = [["logs:AssociateKmsKey", "logs:DisassociateKmsKey"], local.log_groups]
    }

    # The smoke test: a poll of its own, its schedule, its tally. Votes and results go through the API.
    smoke = {
      Poll     = [["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [local.polls], { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["smoke-*"] } }]
      Schedule = [["scheduler:CreateSchedule", "scheduler:UpdateSchedule"], ["${local.schedules}/smoke-*"]]
      Tally    = [["states:DescribeExecution", "states:ListExecutions", "states:StartExecution"], [local.machines, local.executions]]
      # If back ends vouch for voters, the smoke test signs its votes. The role may do so for polls of the smoke test only.
      Vote = [["execute-api:Invoke"], ["arn:${local.partition}:execute-api:${var.aws_region}:${local.account_id}:*/*/POST/polls/smoke-*/votes"]]
    }

    identities = {
      # A role without the boundary cannot be created, and gets no permissions.
      MakeRoles = [
        ["iam:AttachRolePolicy", "iam:CreateRole", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"],
        [local.platform_roles],
        { StringEquals = { "iam:PermissionsBoundary" = local.boundary_arn } },
      ]
      KeepRoles    = [["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"], [local.platform_roles]]
      KeepPolicies = [["iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:TagPolicy", "iam:UntagPolicy"], [local.platform_policies]]
      PassRoles = [
        ["iam:PassRole"],
        [local.platform_roles],
        { StringEquals = { "iam:PassedToService" = ["apigateway.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"] } },
      ]
      # AWS's own roles, one per account: API Gateway's domain, DynamoDB's autoscaling, Cognito's e-mail, the firewall's logs.
      ServiceRoles = [
        ["iam:CreateServiceLinkedRole"],
        ["${local.iam_arn}role/aws-service-role/*"],
        { StringEquals = { "iam:AWSServiceName" = ["dynamodb.application-autoscaling.amazonaws.com", "email.cognito-idp.amazonaws.com", "ops.apigateway.amazonaws.com", "wafv2.amazonaws.com"] } },
      ]
    }
  }

  # Permissions for running the platform, for each role.
  boundary_statements = {
    Alarm     = [["sns:Publish"], [local.topics]]
    Log       = [["logs:CreateLogStream", "logs:PutLogEvents"], ["${local.arn["logs"]}log-group:/aws/lambda/${local.name_prefix}-*"]]
    Measure   = [["cloudwatch:GetMetricData", "cloudwatch:PutMetricData", "xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"]]
    Read      = [["ssm:GetParameter"], [local.parameters]]
    Store     = [["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PartiQL*", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem"], [local.tables]]
    Stream    = [["kinesis:Describe*", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards", "kinesis:PutRecord", "kinesis:PutRecords", "kinesis:SubscribeToShard"], concat(local.streams, ["${local.streams[0]}/consumer/*"])]
    UseKey    = [["kms:Decrypt", "kms:GenerateDataKey"], [local.any_keys], { StringEquals = { "kms:ViaService" = concat(local.through_store, ["sns.${var.aws_region}.amazonaws.com"]) } }]
    KeepFiles = [["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:PutObjectRetention"], [local.buckets, "${local.buckets}/*"]]
    MakePack  = [["kms:Decrypt", "kms:GenerateDataKey", "kms:GetPublicKey", "kms:Sign"], [local.keys], local.tagged]
    TakeSteps = [["lambda:InvokeFunction"], [local.functions]]
    EndCounts = [["scheduler:DeleteSchedule"], ["${local.schedules}/*"]]
    Mapping   = [["lambda:GetEventSourceMapping"], [local.mappings]]
    Start     = [["states:DescribeExecution", "states:ListExecutions", "states:StartExecution"], [local.machines, local.executions]]
  }

  texts = {
    for name, statements in merge(local.statements, { boundary = local.boundary_statements }) : name => jsonencode({
      Version                                                  = "2012-10-17"
      Statement = [
        for sid, statement in statements : merge(
          { Sid = sid, Effect = "Allow", Action = statement[0], Resource = statement[1] },
          length(statement) < 3 ? {} : { Condition = statement[2] },
        )
      ]
    })
  }
  policies = { for name, statements in local.statements : name => local.texts[name] if length(statements) > 0 }
  boundary = local.texts["boundary"]

  state_bucket_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
