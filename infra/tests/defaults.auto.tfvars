# Used by each test in this folder, unless the test sets another value.
api                = { throttling_rate_limit = 4000 }
artifact_directory = "tests/fixtures/artifacts/arm64"
aws_region         = "eu-west-1"
environment        = "test"
stream             = { shard_count = 4 }
