# Used by each test in this folder, unless the test sets another value.
api_domain_name      = "abcdef1234.execute-api.eu-west-1.amazonaws.com"
api_stage            = "v1"
name                 = "votestream-test"
origin_shield_region = "eu-west-1"
