# A message to on-call that names the poll, when a tally begins to wait because records were lost, and when more are lost.
# The alarm certificate-withheld rings too. It watches a metric without the poll: a metric for each poll would be paid for.
locals {
  # The function of an older release does not set it.
  is_withheld = [for topic in var.alarms_topic[*] : {
    And  = [{ Variable = "$.tells_on_call", IsPresent = true }, { Variable = "$.tells_on_call", BooleanEquals = true }]
    Next = "TellOnCall"
  }]

  withheld_states = { for topic in var.alarms_topic[*] : "TellOnCall" => {
    Type     = "Task"
    Resource = "arn:${data.aws_partition.current.partition}:states:::sns:publish"
    Parameters = {
      TopicArn = topic.arn
      # A subject has at most 100 characters, and a poll's id 64.
      "Subject.$" = "States.Format('Certificate withheld: {}', $.poll_id)"
      "Message.$" = "States.Format('${join(" ", [
        "The tally of poll {} (${var.name_prefix}) waits: vote_writer lost records since the poll was announced (CloudWatch counts {}).",
        "No certificate is written until an operator acknowledges this.",
        "First: votectl tally {}",
        "Runbook: ${topic.runbook_url}#certificate-withheld",
      ])}', $.poll_id, $.lost, $.poll_id)"
    }
    ResultPath = null
    Retry      = [merge(local.retry[0], { ErrorEquals = ["States.ALL"], MaxAttempts = 5 })]
    # The alarm rings in any case.
    Catch = [{ ErrorEquals = ["States.ALL"], ResultPath = null, Next = "WaitForDrain" }]
    Next  = "WaitForDrain"
  } }
}
