# Deployments from before modules/kms_key keep their keys: a new key would void codes, and change packs' fingerprint.
moved {
  from = module.code_key[0].aws_kms_alias.codes
  to   = module.code_key[0].aws_kms_alias.this
}

moved {
  from = module.code_key[0].aws_kms_key.codes
  to   = module.code_key[0].aws_kms_key.this
}

moved {
  from = module.results_pack[0].aws_kms_alias.polls
  to   = module.pack_key[0].aws_kms_alias.this
}

moved {
  from = module.results_pack[0].aws_kms_key.polls
  to   = module.pack_key[0].aws_kms_key.this
}

moved {
  from = module.results_pack[0].aws_kms_alias.signing
  to   = module.pack_signing_key[0].aws_kms_alias.this
}

moved {
  from = module.results_pack[0].aws_kms_key.signing
  to   = module.pack_signing_key[0].aws_kms_key.this
}
