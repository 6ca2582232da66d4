# A change of the API must reach the stage: a deployment is a snapshot, renewed when its hash changes.
# These runs apply, under the mock, so that the second one has something to compare with.
mock_provider "aws" {
  source = "../../tests/mocks"
}

run "first_deployment" {
  command = apply

  assert {
    condition     = aws_api_gateway_deployment.this.triggers.shape == sha256(jsonencode(local.shape))
    error_message = "The deployment is tied to the shape of the API."
  }

  assert {
    condition     = length(local.shape.source) == length(fileset(".", "*.tf")) + length(fileset(".", "templates/*"))
    error_message = "The shape covers every file of the module and every template."
  }
}

run "limits_need_no_new_deployment" {
  command = plan
  variables { throttling_rate_limit = 500 }

  assert {
    condition     = aws_api_gateway_deployment.this.id == "deploy"
    error_message = "Limits belong to the stage: changing them must not replace the deployment."
  }
}

run "another_stream_is_a_new_shape" {
  command = apply

  variables {
    stream_name = "votestream-test-votes-2"
  }

  assert {
    condition     = local.shape.inputs[0] == "votestream-test-votes-2" && aws_api_gateway_deployment.this.triggers.shape == sha256(jsonencode(local.shape))
    error_message = "Values in a template are part of the shape."
  }
}
