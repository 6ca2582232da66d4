# The roles may manage the platform's resources, under its own names, and may not touch votes.
mock_provider "aws" {
  source          = "../tests/mocks"
  override_during = plan
}

override_resource {
  target = aws_s3_bucket.state
  values = {
    id  = "tfstate-votestream-dev-111122223333"
    arn = "arn:aws:s3:::tfstate-votestream-dev-111122223333"
  }
}

variables {
  github_repository = "somebody/votes"
}

run "policies_with_the_longest_names_fit_into_their_limit" {
  command = plan

  variables {
    aws_region  = "ap-southeast-2"
    environment = "production"
    project     = "thirteen-long"
  }

  assert {
    condition     = alltrue([for policy in aws_iam_policy.pipeline : length(policy.policy) <= 6144]) && length(aws_iam_policy.boundary.policy) <= 6144
    error_message = "A managed policy has at most 6,144 characters: split it."
  }
}

run "stays_within_its_names_where_names_are_in_the_arns" {
  command = plan

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
    error_message = "A * right behind the prefix takes in environments whose names begin alike."
  }
}

run "actions_without_a_name_need_a_condition_or_only_read" {
  command = plan

  assert {
    condition = alltrue([
      for statement in flatten([for name in ["back", "front", "smoke"] : jsondecode(aws_iam_policy.pipeline[name].policy).Statement]) :
      can(statement.Condition) || contains(["LogAccess", "NewPolicies"], statement.Sid)
      if contains(statement.Resource, "*")
    ])
    error_message = "An action that changes resources of any name needs a condition."
  }
}

run "changes_no_other_environments_api_or_distribution" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.pipeline["front"].policy).Statement :
      try(statement.Condition.StringEquals["aws:ResourceTag/Environment"], statement.Condition.StringEqualsIfExists["aws:ResourceTag/Environment"], statement.Condition.StringEquals["aws:RequestTag/Environment"], "") == "dev"
      if length([for resource in statement.Resource : resource if can(regex("restapis|/apis|apikeys|usageplans|/tags/|distribution/", resource))]) > 0 && statement.Sid != "WebAcls"
    ])
    error_message = "Ids say nothing about the environment, so the tags must."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_policy.pipeline["front"].policy).Statement : statement.Sid => statement.Action
      if try(statement.Condition.StringEqualsIfExists, null) != null
    } == { ApiTags = ["apigateway:POST", "apigateway:PUT"], ApiUntag = ["apigateway:DELETE"], CdnTags = ["cloudfront:TagResource"] }
    error_message = "Only a request that tags a new resource may come without the resource's tags."
  }
}

run "changes_records_of_the_named_zone_only" {
  command = plan

  variables {
    zone_id = "Z0123456789ABC"
  }

  assert {
    condition     = one([for statement in jsondecode(aws_iam_policy.pipeline["records"].policy).Statement : statement.Resource if statement.Sid == "Records"]) == ["arn:aws:route53:::hostedzone/Z0123456789ABC"]
    error_message = "Other zones of the account must stay out of reach."
  }
}

run "changes_no_record_without_a_zone" {
  command = plan

  assert {
    condition     = !contains(keys(aws_iam_policy.pipeline), "records")
    error_message = "Without a zone, a pipeline needs no permission for records."
  }
}

run "refuses_a_zone_that_is_a_path" {
  command = plan

  variables {
    zone_id = "/hostedzone/Z0123456789ABC"
  }

  expect_failures = [var.zone_id]
}

run "names_the_keys_of_packs_and_of_codes" {
  command = plan

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
}

run "the_smoke_test_writes_its_own_polls_only" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_policy.pipeline["smoke"].policy).Statement : statement.Condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"] == ["smoke-*"]
      if length(setintersection(statement.Action, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"])) > 0
    ])
    error_message = "A pipeline must not be able to change the poll of a running show."
  }
}

run "cannot_read_votes" {
  command = plan

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
    error_message = "Of the tallies a pipeline reads and makes the row of held lanes only: it must not see how a poll stands."
  }
}
