# The names that this state was first deployed with. Another project, environment or region means other names, so an apply
# would create everything again and destroy the old resources. Tables protect the stored votes. A stream with unread votes
# has no such protection, so the plan refuses the change.
#
# `output` keeps the first apply's identity, because later inputs are ignored. Without deletion protection the new identity
# replaces it, so the deployment can be created again.
resource "terraform_data" "identity" {
  input            = local.identity
  triggers_replace = var.deletion_protection ? "protected" : local.identity

  lifecycle {
    ignore_changes = [input]
  }
}
