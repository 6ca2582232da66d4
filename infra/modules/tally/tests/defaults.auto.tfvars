# Used by each test in this folder, unless the test sets another value.
count_concurrency  = 8
function_arn       = "arn:aws:lambda:eu-west-1:111122223333:function:votestream-test-tally"
name_prefix        = "votestream-test"
tallies_table_name = "votestream-test-tallies"
