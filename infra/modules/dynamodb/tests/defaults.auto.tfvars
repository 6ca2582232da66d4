# Used by each test in this folder, unless the test sets another value.
name_prefix = "votestream-test"
