# The boundary: a deployer makes no role without it, and a role with it cannot gain rights. tests/contract takes what the
# first run plans, and holds every policy against AWS's authorization reference.
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

run "makes_roles_within_the_boundary_only" {
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
}

run "gives_the_platforms_roles_no_rights_over_identities" {
  command = plan

  assert {
    condition = alltrue([
      for action in flatten([for statement in jsondecode(aws_iam_policy.boundary.policy).Statement : statement.Action]) :
      !startswith(action, "iam:") && !startswith(action, "sts:") && action != "*"
    ])
    error_message = "The boundary must stop a function from extending its own rights."
  }
}
