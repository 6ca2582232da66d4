# The mocked provider's answers, for the root's tests and every module's. Their form matters: the provider checks at plan
# that a role or a source is an ARN, and policies are compared as text.
# A test that must tell two resources of one type apart overrides their ARNs.

mock_data "aws_caller_identity" { defaults = { account_id = "111122223333", arn = "arn:aws:iam::111122223333:user/tester" } }
mock_data "aws_dynamodb_table" { defaults = { read_capacity = 1, write_capacity = 1 } }
mock_data "aws_dynamodb_tables" { defaults = { names = [] } }
mock_data "aws_partition" { defaults = { partition = "aws" } }
mock_data "aws_region" { defaults = { id = "eu-west-1", name = "eu-west-1" } }

mock_resource "aws_api_gateway_api_key" { defaults = { id = "mockedkey0" } }
mock_resource "aws_api_gateway_authorizer" { defaults = { id = "auth00" } }
mock_resource "aws_api_gateway_deployment" { defaults = { id = "deploy" } }
mock_resource "aws_api_gateway_domain_name" { defaults = { regional_domain_name = "d-mocked.execute-api.eu-west-1.amazonaws.com", regional_zone_id = "ZMOCKED" } }
mock_resource "aws_api_gateway_rest_api" { defaults = { execution_arn = "arn:aws:execute-api:eu-west-1:111122223333:abcdef1234", id = "abcdef1234", root_resource_id = "root" } }
mock_resource "aws_api_gateway_stage" { defaults = { arn = "arn:aws:apigateway:eu-west-1::/restapis/abcdef1234/stages/v1", invoke_url = "https://abcdef1234.execute-api.eu-west-1.amazonaws.com/v1" } }
mock_resource "aws_apigatewayv2_api" { defaults = { execution_arn = "arn:aws:execute-api:eu-west-1:111122223333:httpapi000", id = "httpapi000" } }
mock_resource "aws_apigatewayv2_integration" { defaults = { id = "integration" } }
mock_resource "aws_apigatewayv2_stage" { defaults = { invoke_url = "https://httpapi000.execute-api.eu-west-1.amazonaws.com/" } }
mock_resource "aws_cloudfront_distribution" { defaults = { arn = "arn:aws:cloudfront::111122223333:distribution/E1MOCKED", domain_name = "d111111abcdef8.cloudfront.net", hosted_zone_id = "Z2FDTNDATAQYW2" } }
mock_resource "aws_cloudfront_function" { defaults = { arn = "arn:aws:cloudfront::111122223333:function/mocked" } }
mock_resource "aws_cloudwatch_log_group" { defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:mocked" } }
mock_resource "aws_cloudwatch_metric_alarm" { defaults = { arn = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:mocked" } }
mock_resource "aws_cognito_user_pool" { defaults = { arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_mocked", id = "eu-west-1_mocked" } }
mock_resource "aws_cognito_user_pool_client" { defaults = { id = "mockedclient" } }
mock_resource "aws_dynamodb_table" { defaults = { arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/mocked" } }
mock_resource "aws_iam_policy" { defaults = { arn = "arn:aws:iam::111122223333:policy/mocked" } }
mock_resource "aws_iam_role" { defaults = { arn = "arn:aws:iam::111122223333:role/mocked", id = "mocked" } }
mock_resource "aws_kinesis_stream" { defaults = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/mocked" } }
mock_resource "aws_kinesis_stream_consumer" { defaults = { arn = "arn:aws:kinesis:eu-west-1:111122223333:stream/mocked/consumer/mocked:1" } }
mock_resource "aws_kms_key" { defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/mocked", key_id = "mocked" } }
mock_resource "aws_lambda_alias" { defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:mocked:live", invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:mocked:live/invocations" } }
mock_resource "aws_lambda_event_source_mapping" { defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:14e0db71-xmpl-4eb5-b481-8945cf9d10c2", uuid = "14e0db71-xmpl-4eb5-b481-8945cf9d10c2" } }
mock_resource "aws_lambda_function" { defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:mocked" } }
mock_resource "aws_lambda_function_url" { defaults = { function_url = "https://functionurl.lambda-url.eu-west-1.on.aws/" } }
mock_resource "aws_s3_bucket" { defaults = { arn = "arn:aws:s3:::mocked", id = "mocked" } }
mock_resource "aws_scheduler_schedule_group" { defaults = { arn = "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/mocked" } }
mock_resource "aws_sfn_state_machine" { defaults = { arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:mocked" } }
mock_resource "aws_sns_topic" { defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:mocked" } }
mock_resource "aws_wafv2_web_acl" { defaults = { arn = "arn:aws:wafv2:eu-west-1:111122223333:regional/webacl/mocked/00000000-0000-0000-0000-000000000000" } }
