# The roles admit jobs of one repository. The deploy role admits jobs of one environment on main only.
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

run "deploys_for_the_environment_on_main_only" {
  command = plan

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
}

run "plans_for_pull_requests_and_main_only" {
  command = plan

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
}

run "trusts_a_number_where_it_is_given" {
  command = plan

  variables {
    github_repository_id = "4711"
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.pipeline : jsondecode(role.assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:repository_id"] == "4711"])
    error_message = "Another repository that takes the name over must not be let in."
  }
}

run "leaves_an_existing_connection_alone" {
  command = plan

  variables {
    owns_github_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.pipeline) == 2
    error_message = "An account has one connection to GitHub; a second environment uses it."
  }
}

run "a_deployment_cannot_change_the_pipelines_own_roles" {
  command = plan

  assert {
    condition     = alltrue([for role in aws_iam_role.pipeline : role.path == "/pipeline/" && role.max_session_duration == 3600])
    error_message = "The deploying role may change roles named like the platform; its own must have another path."
  }
}

run "the_planning_role_writes_nothing" {
  command = plan

  assert {
    condition     = [for key, attachment in aws_iam_role_policy_attachment.pipeline : key if startswith(key, "plan-")] == ["plan-read", "plan-read-front"]
    error_message = "Code that nobody has reviewed runs with this role."
  }

  assert {
    condition     = flatten([for statement in jsondecode(aws_iam_role_policy.state["plan"].policy).Statement : statement.Action]) == ["s3:ListBucket", "s3:GetObject"]
    error_message = "A plan reads the state and neither writes nor locks it."
  }
}

run "lets_a_deployment_write_this_state_and_no_other" {
  command = plan

  assert {
    condition = toset(flatten([for statement in jsondecode(aws_iam_role_policy.state["deploy"].policy).Statement : statement.Resource])) == toset([
      "arn:aws:s3:::tfstate-votestream-dev-111122223333",
      "arn:aws:s3:::tfstate-votestream-dev-111122223333/votestream/dev/terraform.tfstate",
      "arn:aws:s3:::tfstate-votestream-dev-111122223333/votestream/dev/terraform.tfstate.tflock",
    ])
    error_message = "The roles must not write the state of the roles, which is stored in the same bucket."
  }
}
