# Access for GitHub's jobs. GitHub stores no key: a job presents a token that GitHub has signed. It gets credentials for
# an hour if the token names the right repository, and environment or branch.
locals {
  provider_host = "token.actions.githubusercontent.com"
  provider_arn  = "arn:${local.partition}:iam::${local.account_id}:oidc-provider/${local.provider_host}"
  # They have a separate path, because the deploy role may change the platform's roles.
  path = "/pipeline/"

  owner_and_name = split("/", coalesce(var.github_repository, "/"))
  # The start of a token's subject, before its environment or branch. GitHub writes numbers behind both names in
  # repositories created since June 2026 (github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens),
  # and none in older ones: so the pattern has a *. The claim `repository` identifies the repository, letter by letter.
  subject = "repo:${local.owner_and_name[0]}*/${local.owner_and_name[1]}*"

  # STS knows these claims since January 2026.
  same_repository = merge(
    {
      "${local.provider_host}:aud"        = "sts.amazonaws.com"
      "${local.provider_host}:repository" = var.github_repository
    },
    { for id in [var.github_repository_id] : "${local.provider_host}:repository_id" => id if id != null },
  )

  trusted = {
    # Pull requests, whose code is not reviewed yet, and jobs on main without an environment.
    plan = {
      StringEquals = local.same_repository
      StringLike = {
        "${local.provider_host}:sub" = ["${local.subject}:pull_request", "${local.subject}:ref:refs/heads/main"]
      }
    }
    # Jobs of the environment, after its approval on GitHub, and of main only, whatever is set there.
    deploy = {
      StringEquals = merge(local.same_repository, {
        "${local.provider_host}:environment" = var.environment
        "${local.provider_host}:ref"         = "refs/heads/main"
      })
      StringLike = {
        "${local.provider_host}:sub" = "${local.subject}:environment:${var.environment}"
      }
    }
  }

  # permissions.tf holds the policies of each role.
  granted = {
    plan   = ["read", "read-front"]
    deploy = concat(["read", "read-front", "front", "back", "keys", "smoke", "identities"], var.zone_id == null ? [] : ["records"])
  }

  roles = { for name, condition in local.trusted : name => condition if var.github_repository != null }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github_repository != null && var.owns_github_provider ? 1 : 0

  url            = "https://${local.provider_host}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "pipeline" {
  # checkov:skip=CKV_AWS_393: the * in the subject stand for numbers behind the names; the claim "repository" beside it has none
  for_each = local.roles

  name                 = "${local.name_prefix}-${each.key}"
  path                 = local.path
  description          = "${title(each.key)}s ${local.name_prefix} for ${var.github_repository}"
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AssumedByWorkflow"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider_arn }
      Condition = each.value
    }]
  })

  # IAM refuses a principal that does not exist.
  depends_on = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_policy" "pipeline" {
  for_each = { for name, policy in local.policies : name => policy if var.github_repository != null }

  name        = "${local.name_prefix}-${each.key}"
  path        = local.path
  description = "Deploys ${local.name_prefix}: ${each.key}"
  policy      = each.value
}

resource "aws_iam_role_policy_attachment" "pipeline" {
  for_each = {
    for pair in flatten([for role in keys(local.roles) : [for policy in local.granted[role] : { role = role, policy = policy }]]) :
    "${pair.role}-${pair.policy}" => pair
  }

  role       = aws_iam_role.pipeline[each.value.role].name
  policy_arn = aws_iam_policy.pipeline[each.value.policy].arn
}

# The state is the one object that a plan has to read. A plan takes no lock (it may not write one).
resource "aws_iam_role_policy" "state" {
  for_each = local.roles

  name = "state"
  role = aws_iam_role.pipeline[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          Sid      = "FindState"
          Effect   = "Allow"
          Action   = "s3:ListBucket"
          Resource = aws_s3_bucket.state.arn
        },
        {
          Sid      = "ReadState"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = "${aws_s3_bucket.state.arn}/${var.project}/${var.environment}/terraform.tfstate"
        },
      ],
      [for statement in [
        {
          Sid      = "WriteState"
          Effect   = "Allow"
          Action   = "s3:PutObject"
          Resource = "${aws_s3_bucket.state.arn}/${var.project}/${var.environment}/terraform.tfstate"
        },
        {
          Sid      = "LockState"
          Effect   = "Allow"
          Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
          Resource = "${aws_s3_bucket.state.arn}/${var.project}/${var.environment}/terraform.tfstate.tflock"
        },
      ] : statement if each.key == "deploy"],
    )
  })
}
