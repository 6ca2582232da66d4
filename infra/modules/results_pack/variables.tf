variable "name" {
  type        = string
  description = "Prefix of the keys' aliases. Changing it replaces the aliases, not the keys."
  nullable    = false
}
