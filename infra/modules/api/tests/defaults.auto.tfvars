# Used by each test in this folder, unless the test sets another value.
log_retention_days             = 30
name                           = "votestream-test"
results_function_name          = "votestream-test-results-api"
results_invoke_arn             = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-results-api/invocations"
results_throttling_burst_limit = 500
results_throttling_rate_limit  = 1000
stream_arn                     = "arn:aws:kinesis:eu-west-1:111122223333:stream/votestream-test-votes"
stream_name                    = "votestream-test-votes"
throttling_burst_limit         = 5000
throttling_rate_limit          = 10000
voter_auth                     = "none"
