# The roles may manage the platform's resources, under its own names and within the boundary, and may not touch votes. They
# admit jobs of one repository. The bucket of the state is kept and private, and keeps overwritten versions.
#
# tests/contract checks every policy of the first run's plan against AWS's authorization reference.
#
# The provider is mocked. An imported resource has to be overridden, because a mock knows no existing resources.
mock_provider "aws" {
  source          = "../tests/mocks"
  override_during = plan
}

variables {
  github_repository = "somebody/votes"
}

override_resource {
  target = aws_s3_bucket.state
  values = {
    id  = "tfstate-votestream-dev-111122223333"
    arn = "arn:aws:s3:::tfstate-votestream-dev-111122223333"
  }
}

run "roles_stay_within_the_boundary_cannot_read_votes_and_admit_one_repository" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.pipeline["identities"].policy).Statement :
      try(statement.Condition.StringEquals["iam:PermissionsBoundary"], "") == "arn:aws:iam::111122223333:policy/pipeline/votestream-dev-boundary"
      if length(setintersection(statement.Action, ["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"])) > 0
    ])
    error_message = "A role without the boundary could be given anything, and be passed to a function."
  }

  assert {
    condition = length(setintersection(
      flatten([for policy in aws_iam_policy.pipeline : [for statement in jsondecode(policy.policy).Statement : statement.Action]]),
      ["iam:DeleteRolePermissionsBoundary", "iam:CreateUser", "iam:CreateAccessKey", "iam:SetDefaultPolicyVersion"],
    )) == 0
    error_message = "The roles may not remove the boundary, or create an identity that outlives the job."
  }

  assert {
    condition = alltrue([
      for action in flatten([for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Action]) :
      !startswith(action, "iam:") && !startswith(action, "sts:") && action != "*"
    ])
    error_message = "The boundary must stop a function from extending its own rights."
  }

  assert {
    condition = alltrue([
      for resource in flatten([for policy in aws_iam_policy.pipeline : [for statement in jsondecode(policy.policy).Statement : statement.Resource]]) :
      can(regex("votestream[-/]dev", resource)) || contains(
        [
          "*",
          "arn:aws:apigateway:eu-west-1::/account",
          "arn:aws:apigateway:eu-west-1::/apikeys",
          "arn:aws:apigateway:eu-west-1::/apikeys/*",
          "arn:aws:apigateway:eu-west-1::/apis",
          "arn:aws:apigateway:eu-west-1::/apis/*",
          "arn:aws:apigateway:eu-west-1::/domainnames",
          "arn:aws:apigateway:eu-west-1::/domainnames/*",
          "arn:aws:apigateway:eu-west-1::/restapis",
          "arn:aws:apigateway:eu-west-1::/restapis/*",
          "arn:aws:apigateway:eu-west-1::/restapis/*/stages/*",
          "arn:aws:apigateway:eu-west-1::/tags/*",
          "arn:aws:apigateway:eu-west-1::/usageplans",
          "arn:aws:apigateway:eu-west-1::/usageplans/*",
          "arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/*",
          "arn:aws:cloudfront::111122223333:cache-policy/*",
          "arn:aws:cloudfront::111122223333:distribution/*",
          "arn:aws:cloudfront::111122223333:origin-access-control/*",
          "arn:aws:cloudfront::111122223333:response-headers-policy/*",
          "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/*",
          "arn:aws:execute-api:eu-west-1:111122223333:*/*/POST/polls/smoke-*/votes",
          "arn:aws:iam::111122223333:role/aws-service-role/*",
          "arn:aws:kms:eu-west-1:*:key/*",
          "arn:aws:kms:eu-west-1:111122223333:key/*",
          "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:*",
          "arn:aws:wafv2:eu-west-1:111122223333:regional/managedruleset/*",
        ],
        resource,
      )
    ])
    error_message = "Each named resource must be this environment's."
  }

  # votestream-dev2 is another environment.
  assert {
    condition = alltrue([
      for resource in flatten([for policy in aws_iam_policy.pipeline : [for statement in jsondecode(policy.policy).Statement : statement.Resource]]) :
      !can(regex("votestream-dev\\*", resource))
    ])
    error_message = "A * right after the prefix would also match environments whose names begin with it."
  }

  assert {
    condition = alltrue([
      for statement in flatten([for name in ["back", "front", "smoke"] : jsondecode(aws_iam_policy.pipeline[name].policy).Statement]) :
      can(statement.Condition) || contains(["LogAccess", "NewPolicies"], statement.Sid)
      if contains(statement.Resource, "*")
    ])
    error_message = "An action that changes resources of any name needs a condition."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.pipeline["front"].policy).Statement :
      try(statement.Condition.StringEquals["aws:ResourceTag/Environment"], statement.Condition.StringEqualsIfExists["aws:ResourceTag/Environment"], statement.Condition.StringEquals["aws:RequestTag/Environment"], "") == "dev"
      if length([for resource in statement.Resource : resource if can(regex("restapis|/apis|apikeys|usageplans|/tags/|distribution/", resource))]) > 0 && statement.Sid != "WebAcls"
    ])
    error_message = "Ids do not name the environment, so the roles must be bound to its tags."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_policy.pipeline["front"].policy).Statement : statement.Sid => statement.Action
      if try(statement.Condition.StringEqualsIfExists, null) != null
    } == { ApiTags = ["apigateway:POST", "apigateway:PUT"], ApiUntag = ["apigateway:DELETE"], CdnTags = ["cloudfront:TagResource"] }
    error_message = "Only a request that tags a new resource may come without the resource's tags."
  }

  assert {
    condition     = !contains(keys(aws_iam_policy.pipeline), "records")
    error_message = "Without a zone, a pipeline needs no permission for records."
  }

  assert {
    condition = alltrue([
      for alias in ["alias/votestream-dev", "alias/votestream-dev-codes", "alias/votestream-dev-results-pack"] : anytrue([
        for resource in flatten([
          for policy in aws_iam_policy.pipeline : [for statement in jsondecode(policy.policy).Statement : statement.Resource if contains(flatten([statement.Action]), "kms:CreateAlias")]
        ]) : can(regex("^${replace(resource, "*", ".*")}$", "arn:aws:kms:eu-west-1:111122223333:${alias}"))
      ])
    ])
    error_message = "The deploying role gives each key its alias."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.pipeline["smoke"].policy).Statement : statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["smoke-*"]
      if length(setintersection(statement.Action, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"])) > 0
    ])
    error_message = "A pipeline must not be able to change the poll of a running show."
  }

  assert {
    condition = alltrue([
      for pair in setproduct(
        flatten([for name, policy in aws_iam_policy.pipeline : [for statement in jsondecode(policy.policy).Statement : statement.Action if !contains(["Lanes", "Pages"], statement.Sid)] if name != "smoke"]),
        [
          "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan",
          "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ExportTableToPointInTime",
          "kinesis:GetRecords", "kinesis:PutRecord", "kinesis:SubscribeToShard",
          "lambda:InvokeFunction", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery",
          "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "states:GetExecutionHistory",
        ],
      ) : !can(regex("^${replace(pair[0], "*", ".*")}$", pair[1]))
    ])
    error_message = "Neither role may read or change votes."
  }

  assert {
    condition = toset(flatten([
      for policy in aws_iam_policy.pipeline : [for statement in jsondecode(policy.policy).Statement : statement.Resource if statement.Sid == "Pages"]
    ])) == toset(["arn:aws:s3:::votestream-dev-pages-111122223333", "arn:aws:s3:::votestream-dev-pages-111122223333/*"])
    error_message = "Objects are read and written in the bucket of the pages only."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_policy.pipeline["smoke"].policy).Statement : statement.Sid => statement.Resource
      if length([for action in statement.Action : action if startswith(action, "dynamodb:")]) > 0
      } == {
      Poll = ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-dev-polls"]
    }
    error_message = "The smoke test writes polls, and no other item."
  }

  assert {
    condition = {
      for name in ["read", "back"] : name => one([
        for statement in jsondecode(aws_iam_policy.pipeline[name].policy).Statement : [statement.Action, statement.Resource, statement.Condition] if statement.Sid == "Lanes"
      ])
      } == {
      for name, actions in { read = ["dynamodb:GetItem"], back = ["dynamodb:DeleteItem", "dynamodb:PutItem"] } : name => [
        actions,
        ["arn:aws:dynamodb:eu-west-1:111122223333:table/votestream-dev-tallies"],
        { "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = ["_lanes"] } },
      ]
    }
    error_message = "A pipeline may read and create only the row of held lanes: it must not see live counts."
  }

  assert {
    condition = jsondecode(aws_iam_role.pipeline["deploy"].assume_role_policy).Statement == [{
      Sid       = "AssumedByWorkflow"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud"         = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:environment" = "dev"
          "token.actions.githubusercontent.com:ref"         = "refs/heads/main"
          "token.actions.githubusercontent.com:repository"  = "somebody/votes"
        }
        StringLike = { "token.actions.githubusercontent.com:sub" = "repo:somebody*/votes*:environment:dev" }
      }
    }]
    error_message = "Only a job of this repository, in this environment and on main, may deploy."
  }

  assert {
    condition = jsondecode(aws_iam_role.pipeline["plan"].assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud"        = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:repository" = "somebody/votes"
      }
      StringLike = {
        "token.actions.githubusercontent.com:sub" = ["repo:somebody*/votes*:pull_request", "repo:somebody*/votes*:ref:refs/heads/main"]
      }
    }
    error_message = "Only pull requests and main of this repository may plan."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.pipeline : role.path == "/pipeline/" && role.max_session_duration == 3600])
    error_message = "The deploying role may change the platform's roles, so its own role must have another path."
  }

  assert {
    condition     = [for key, attachment in aws_iam_role_policy_attachment.pipeline : key if startswith(key, "plan-")] == ["plan-read", "plan-read-front"]
    error_message = "Code that is not reviewed yet runs with this role, so it must not write."
  }

  assert {
    condition     = flatten([for statement in jsondecode(aws_iam_role_policy.state["plan"].policy).Statement : statement.Action]) == ["s3:ListBucket", "s3:GetObject"]
    error_message = "A plan reads the state and neither writes nor locks it."
  }

  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.state["deploy"].policy).Statement : statement.Resource])) == toset([
      "arn:aws:s3:::tfstate-votestream-dev-111122223333",
      "arn:aws:s3:::tfstate-votestream-dev-111122223333/votestream/dev/terraform.tfstate",
      "arn:aws:s3:::tfstate-votestream-dev-111122223333/votestream/dev/terraform.tfstate.tflock",
    ])
    error_message = "The roles must not write the state of the roles, which is stored in the same bucket."
  }
}

run "a_zone_a_repositorys_number_and_an_existing_connection_are_used" {
  command = plan

  variables {
    zone_id              = "Z0123456789ABC"
    github_repository_id = "4711"
    owns_github_provider = false
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_policy.pipeline["records"].policy).Statement : statement.Resource if statement.Sid == "Records"]) == ["arn:aws:route53:::hostedzone/Z0123456789ABC"]
    error_message = "Other zones of the account must stay out of reach."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.pipeline : jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:repository_id"] == "4711"])
    error_message = "A repository that takes over the name must not be trusted."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.pipeline) == 2
    error_message = "An account has one connection to GitHub; a second environment uses it."
  }
}

run "the_state_is_kept_private_and_no_role_exists_without_a_repository" {
  command = plan
  variables { github_repository = null }

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten state must still be readable as an older version."
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.state.rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 10
    error_message = "The newest versions must stay, however old they are."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy && aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets
    error_message = "No setting may make the state public."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The state must be encrypted."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.state.policy).Statement == [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Action    = "s3:*"
      Principal = "*"
      Resource  = ["arn:aws:s3:::tfstate-votestream-dev-111122223333", "arn:aws:s3:::tfstate-votestream-dev-111122223333/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "The state must not travel unencrypted."
  }

  assert {
    condition     = length(aws_iam_role.pipeline) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_policy.pipeline) == 0
    error_message = "People who deploy by hand need no role, so there must be none."
  }

  assert {
    condition     = aws_iam_policy.boundary.name == "votestream-dev-boundary" && aws_iam_policy.boundary.path == "/pipeline/"
    error_message = "The boundary also exists for people who deploy by hand, under the name that the root module expects."
  }
}

# For every rule: a value that just passes, and one that just fails.

run "accepts_what_make_bootstrap_passes" {
  command = plan

  variables {
    github_repository    = "some-body/votes.and_more-1"
    github_repository_id = "4711"
  }
}

run "rejects_an_environment_that_no_name_can_carry_and_an_invalid_repository" {
  command = plan

  variables {
    environment          = "Dev_1"
    github_repository_id = "somebody/votes"
    github_repository    = "somebody/*"
    zone_id              = "/hostedzone/Z0123456789ABC"
  }

  expect_failures = [var.environment, var.github_repository_id, var.github_repository, var.zone_id]
}

run "rejects_a_state_bucket_that_the_deploying_role_could_delete_and_a_repository_without_an_owner" {
  command = plan

  variables {
    state_bucket      = "votestream-dev-tfstate"
    github_repository = "votes"
  }

  expect_failures = [var.state_bucket, var.github_repository]
}
