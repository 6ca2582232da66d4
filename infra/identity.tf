# What this state was first deployed as. Another project, environment or region has other names, so an apply would build
# everything anew and destroy what is there: the stored votes are protected by their tables, but a stream with votes
# that nobody has read yet is not. So it is refused at plan, before anything happens.
#
# `output` is what was kept at the first apply, because later inputs are ignored. Without deletion protection it is
# kept anew whenever the identity changes: then a deployment may be built anew like any other thing.
resource "terraform_data" "identity" {
  input            = local.identity
  triggers_replace = var.deletion_protection ? "protected" : local.identity

  lifecycle {
    ignore_changes = [input]
  }
}
