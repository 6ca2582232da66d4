# Used by each test in this folder, unless the test sets another value.
aws_region   = "eu-west-1"
environment  = "dev"
state_bucket = "tfstate-votestream-dev-111122223333"
