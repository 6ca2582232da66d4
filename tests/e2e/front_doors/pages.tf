# The pages as a deployment has them whose voters sign in. The local cloud finds them by a parameter, as any deployment's.
variable "pages" {
  type        = object({ parameter = string, url = string })
  description = "The parameter, and the address to which Cognito sends voters back."
}

module "pages" {
  source = "../../../infra/modules/web"
  count  = var.user_pools ? 1 : 0

  name             = var.name_prefix
  cdn_enabled      = false
  distribution_arn = null
  settings         = {}

  identity = {
    mode       = "cognito"
    authority  = local.sign_in.cognito.issuer
    client_id  = module.voters[0].user_pool_client_id
    scope      = "openid"
    token      = "id"
    logout_url = "${module.voters[0].sign_in_url}/logout"
  }
}

resource "aws_ssm_parameter" "pages" {
  count = var.user_pools ? 1 : 0

  name = var.pages.parameter
  type = "String"
  value = jsonencode(merge(local.deployment, {
    api_id       = module.rest_door["cognito"].api_id
    api_stage    = module.rest_door["cognito"].stage_name
    pages_bucket = module.pages[0].bucket_name
    vote_door    = "rest"
    voter_auth   = "cognito"
  }))
}

output "pages_bucket" {
  value = one(module.pages[*].bucket_name)
}

output "sign_in_url" {
  value = one(module.voters[*].sign_in_url)
}
