# Alarms that page on-call. An entry's key is the alarm's name behind the prefix. `section` is its part of the runbook.
# `means` and `first` go out with the alarm: what has happened, and what to do first. `alarm_defaults` holds the rest.
#
# Most of these metrics fall silent when there is nothing to do, so missing data is no alarm (notBreaching).
# PolledEventCount never falls silent while a mapping works, so there silence is the alarm (breaching).
# Thresholds that follow from the deployment (retention, give-up age, the front door's rate) are computed here.
locals {
  minute = 60

  # AWS's own metrics by what they are about.
  votes_method   = { ApiName = var.api.name, Stage = var.api.stage_name, Method = "POST", Resource = var.api.votes_path }
  results_method = { ApiName = var.api.name, Stage = var.api.stage_name, Method = "GET", Resource = var.api.results_path }

  # Metrics of posted votes, at the door that clients are sent to.
  posted = var.door != null ? var.door.metrics : {
    namespace     = "AWS/ApiGateway"
    dimensions    = tomap(local.votes_method)
    count         = "Count"
    client_errors = "4XXError"
    server_errors = "5XXError"
    latency       = "Latency"
  }
  # API Gateway's REST metrics have the share as their average. The other doors' counts are divided.
  shares = {
    for id, name in { failed = local.posted.server_errors, refused = local.posted.client_errors } : id => {
      metrics = merge(
        { for metric in [{ namespace = local.posted.namespace, name = name, dimensions = local.posted.dimensions, stat = "Average" }] : "share" => metric if var.door == null },
        { for metric in [id, "posted"] : metric => local.door_metrics[metric] if var.door != null },
      )
      expressions = { for label in ["percent of the requests"] : "share" => { expression = "IF(posted > 0, ${id} / posted, 0)", label = label } if var.door != null }
    }
  }
  door_metrics = { for id, name in { posted = local.posted.count, refused = local.posted.client_errors, failed = local.posted.server_errors } :
    id => { namespace = local.posted.namespace, name = name, dimensions = local.posted.dimensions, stat = "Sum" }
  }

  # A function URL has no rate of its own: Lambda answers ten requests a second for each reserved invocation.
  url_concurrency = try(var.door.reserved_concurrency, null)
  front_door_rate = local.url_concurrency == null ? var.api.throttling_rate_limit : 10 * local.url_concurrency

  # Functions with the alarms that every function has.
  alarmed_functions = merge(
    { for service, function in var.functions : service => { function_name = function.function_name, timeout_seconds = function.timeout_seconds } },
    var.door == null ? {} : { ingress = { function_name = var.door.function_name, timeout_seconds = var.door.timeout_seconds } },
  )

  # The functions' own metrics: namespace and dimensions as in functions/voting/metrics.py.
  own_namespace  = "Votestream"
  own_dimensions = { for service in keys(var.functions) : service => { environment = var.environment, service = service } }

  # Seconds until a record is given up, or forgotten by the stream if that comes first.
  seconds_to_live = {
    for name, consumer in var.consumers : name => consumer.maximum_record_age_seconds == -1 ? var.stream.retention_hours * 3600 : min(
      consumer.maximum_record_age_seconds, var.stream.retention_hours * 3600
    )
  }
  lag_seconds = {
    vote_aggregator = var.settings.live_lag_seconds
    vote_writer     = var.settings.storing_lag_seconds
  }

  front_door_alarms = {
    front-door-failing = {
      means       = "More than ${var.settings.unavailable_percent} % of the votes posted are answered with 5xx: they may not be stored."
      first       = "See whether the stream answers: aws kinesis describe-stream-summary --stream-name ${var.stream.name}"
      metrics     = local.shares["failed"].metrics
      threshold   = var.settings.unavailable_percent / 100
      datapoints  = 2
      periods     = 3
      expressions = local.shares["failed"].expressions
    }
    results-failing = {
      means      = "More than ${var.settings.unavailable_percent} % of the requests for results are answered with 5xx. Votes are not touched."
      first      = "Look into the log of ${var.functions["results_api"].function_name}."
      metrics    = { share = { namespace = "AWS/ApiGateway", name = "5XXError", dimensions = local.results_method, stat = "Average" } }
      threshold  = var.settings.unavailable_percent / 100
      datapoints = 2
      periods    = 3
    }
    # API Gateway counts no 429 of its own: 4XXError holds them together with malformed requests.
    front-door-refusing = {
      means       = "More than ${var.settings.refused_percent} % of the votes posted are answered with 4xx: throttled (429) or malformed (400, 415)."
      first       = "Tell the two apart: with front-door-full or stream-throttling beside it, it is throttling."
      metrics     = local.shares["refused"].metrics
      threshold   = var.settings.refused_percent / 100
      datapoints  = 3
      periods     = 5
      expressions = local.shares["refused"].expressions
    }
    # A minute's sum: the limit is per second, so front-door-refusing shows the losses of a burst first.
    front-door-full = {
      means      = "Votes are posted at more than ${var.settings.front_door_percent} % of the ${local.front_door_rate}/s that the front door lets in; above that voters get 429."
      first      = "Raise ${local.url_concurrency == null ? "api.throttling_rate_limit" : "ingress.reserved_concurrency"}, and stream.shard_count with it, and apply."
      metrics    = { posted = local.door_metrics["posted"] }
      threshold  = var.settings.front_door_percent / 100 * local.front_door_rate * local.minute
      datapoints = 2
      periods    = 3
    }
  }

  stream_alarms = {
    stream-throttling = {
      means = "The stream refuses more than ${var.settings.throttled_percent} % of the records: voters get 429 and have to send again."
      first = "Raise stream.shard_count (at most double it in one step) and apply."
      metrics = {
        refused = { namespace = "AWS/Kinesis", name = "WriteProvisionedThroughputExceeded", dimensions = { StreamName = var.stream.name }, stat = "Sum" }
        taken   = { namespace = "AWS/Kinesis", name = "IncomingRecords", dimensions = { StreamName = var.stream.name }, stat = "Sum" }
      }
      threshold   = var.settings.throttled_percent
      datapoints  = 3
      periods     = 5
      expressions = { share = { expression = "100 * refused / (refused + taken)", label = "refused, percent" } }
    }
  }

  # WriteThrottleEvents counts each refused write of a batch; ThrottledRequests counts a batch only if all of it was refused.
  # A votes table that is smaller than the peak is part of the design (the stream holds the rest), so it may be full
  # for ten minutes; the other tables have no reason to be.
  table_alarms = merge([
    for direction in ["read", "write"] : {
      for table, settings in var.tables : "table-throttling-${table}-${direction}s" => {
        section    = "table-throttling"
        means      = "DynamoDB has been refusing ${direction}s of the ${table} table for minutes. ${table == "votes" && direction == "write" ? "Votes wait in the stream meanwhile." : "Its readers retry meanwhile."}"
        first      = "Raise ${table}_table's ${settings.billing_mode == "PROVISIONED" ? "${direction}_units" : "max_${direction}_units"} and apply."
        metrics    = { refused = { namespace = "AWS/DynamoDB", name = "${title(direction)}ThrottleEvents", dimensions = { TableName = settings.name }, stat = "Sum" } }
        datapoints = table == "votes" && direction == "write" ? 10 : 3
        periods    = table == "votes" && direction == "write" ? 10 : 5
      }
    }
  ]...)

  consumer_alarms = merge([
    for name, consumer in var.consumers : {
      # Lambda's IteratorAge, not Kinesis' GetRecords.IteratorAgeMilliseconds: that one mixes all consumers of the stream.
      # Its last value is old when a backlog ends, so missing data must not keep the alarm on.
      "consumer-behind-${replace(name, "_", "-")}" = {
        section    = "consumer-behind"
        means      = "${name} is more than ${local.lag_seconds[name]} s behind the votes that arrive. ${name == "vote_aggregator" ? "Live results lag." : "Votes are safe in the stream, but not stored yet."}"
        first      = "See on the dashboard whether it is slow (duration, concurrency), refused (throttles) or failing (errors)."
        metrics    = { age = { namespace = "AWS/Lambda", name = "IteratorAge", dimensions = { FunctionName = var.functions[name].function_name }, stat = "Maximum" } }
        threshold  = local.lag_seconds[name] * 1000
        datapoints = 3
        periods    = 3
      }
      "votes-at-risk-${replace(name, "_", "-")}" = {
        section   = "votes-at-risk"
        means     = "Records are ${var.settings.risk_percent} % of the way to ${local.seconds_to_live[name]} s, when ${name == "vote_aggregator" ? "the stream deletes them and live results lack them permanently" : "they are given up (failure bucket) or forgotten by the stream"}."
        first     = "Raise stream.retention_hours and apply: that buys time at once. Then repair ${name}."
        metrics   = { age = { namespace = "AWS/Lambda", name = "IteratorAge", dimensions = { FunctionName = var.functions[name].function_name }, stat = "Maximum" } }
        threshold = var.settings.risk_percent / 100 * local.seconds_to_live[name] * 1000
      }
      # A mapping that polls an empty stream reports 0. One that is disabled, or may not read, reports nothing. So this
      # alarm fires before the first vote. A comparison of records and invocations would need late votes.
      "consumer-stopped-${replace(name, "_", "-")}" = {
        section    = "consumer-stopped"
        means      = "${name} does not read the stream: its event source mapping is disabled, gone, or may not."
        first      = "aws lambda get-event-source-mapping --uuid ${consumer.event_source_mapping_id}"
        metrics    = { polls = { namespace = "AWS/Lambda", name = "PolledEventCount", dimensions = { EventSourceMappingUUID = consumer.event_source_mapping_id }, stat = "SampleCount" } }
        threshold  = 1
        operator   = "LessThanThreshold"
        datapoints = 5
        periods    = 5
        missing    = "breaching"
      }
      # S3 counts a bucket's objects once a day. The mapping counts each batch as it writes it.
      "batches-given-up-${replace(name, "_", "-")}" = {
        section = "batches-given-up"
        means   = "${name} has given up records; they are in ${consumer.failure_bucket_name}."
        first   = "Repair the cause, then: votectl redrive --environment ${var.environment}"
        metrics = { records = { namespace = "AWS/Lambda", name = "OnFailureDestinationDeliveredEventCount", dimensions = { EventSourceMappingUUID = consumer.event_source_mapping_id }, stat = "Sum" } }
      }
      # Dropped counts records that Lambda gave up and could not write to the failure bucket.
      "records-lost-${replace(name, "_", "-")}" = {
        section = "records-lost"
        means   = "${name} has given up on records that could not be put into ${consumer.failure_bucket_name}. The stream still holds them for a while."
        first   = "Raise stream.retention_hours and apply, before anything else."
        metrics = { records = { namespace = "AWS/Lambda", name = "DroppedEventCount", dimensions = { EventSourceMappingUUID = consumer.event_source_mapping_id }, stat = "Sum" } }
      }
    }
  ]...)

  function_alarms = merge([
    for service, function in local.alarmed_functions : {
      # Clients retry single failures, so it takes some minutes of them.
      "function-failing-${replace(service, "_", "-")}" = {
        section    = "function-failing"
        means      = "${service} ends in errors or runs into its timeout of ${function.timeout_seconds} s, again and again."
        first      = "aws logs tail /aws/lambda/${function.function_name} --since 15m"
        metrics    = { errors = { namespace = "AWS/Lambda", name = "Errors", dimensions = { FunctionName = function.function_name }, stat = "Sum" } }
        datapoints = 3
        periods    = 5
      }
      "function-throttled-${replace(service, "_", "-")}" = {
        section    = "function-throttled"
        means      = "Lambda refuses to run ${service}: its reserved concurrency or the account's is used up."
        first      = "Compare with concurrency-near-quota: if that is quiet, it is ${service}.reserved_concurrency."
        metrics    = { refused = { namespace = "AWS/Lambda", name = "Throttles", dimensions = { FunctionName = function.function_name }, stat = "Sum" } }
        datapoints = 3
        periods    = 5
      }
    }
  ]...)

  account_alarms = {
    concurrency-near-quota = {
      means = "The account runs more than ${var.settings.concurrency_percent} % of the invocations that it may run at once, all its functions together."
      first = "Ask for a higher quota (Lambda, concurrent executions), and find out what else runs in the account."
      metrics = {
        running = { namespace = "AWS/Usage", name = "ResourceCount", dimensions = { Class = "None", Resource = "ConcurrentExecutions", Service = "Lambda", Type = "Resource" }, stat = "Maximum" }
      }
      threshold   = var.settings.concurrency_percent
      datapoints  = 2
      periods     = 3
      expressions = { share = { expression = "100 * running / SERVICE_QUOTA(running)", label = "of the quota, percent" } }
    }
  }

  # The aggregator judges every record in order, so its shares are the voters' shares.
  own_metrics = {
    for service, dimensions in local.own_dimensions : service => {
      for id, name in {
        closed      = "RejectedClosed"
        received    = "RecordsReceived"
        rejected    = "RecordsRejected"
        unaccounted = "RecordsUnaccounted"
      } : id => { namespace = local.own_namespace, name = name, dimensions = dimensions, stat = "Sum" }
    }
  }

  counting_alarms = {
    votes-rejected = {
      means      = "More than ${var.settings.rejected_percent} % of the records in the stream are not valid votes. Late votes are not included."
      first      = "See on the dashboard which reason it is. unknown_option and unknown_poll: a client's front end is wrong."
      metrics    = { for id in ["closed", "received", "rejected"] : id => local.own_metrics["vote_aggregator"][id] }
      threshold  = var.settings.rejected_percent
      datapoints = 3
      periods    = 3
      # A few bad records at night must not page on-call.
      expressions = { share = { expression = "IF(received >= 100, 100 * (rejected - closed) / received, 0)", label = "rejected, percent" } }
    }
    # For a minute or two after a show, votes are late. Late votes for ten minutes mean that the poll was closed too early.
    votes-late = {
      means       = "For ten minutes most votes have come after their poll's end: it closed too early, or a front end still offers it."
      first       = "votectl poll list --environment ${var.environment}"
      metrics     = { for id in ["closed", "received"] : id => local.own_metrics["vote_aggregator"][id] }
      threshold   = 50
      datapoints  = 10
      periods     = 10
      expressions = { share = { expression = "IF(received >= 100, 100 * closed / received, 0)", label = "late, percent" } }
    }
    conservation-broken-vote-aggregator = {
      section    = "conservation-broken"
      means      = "vote_aggregator has received records that it neither counted nor returned for a retry: its sums do not add up."
      first      = "Do not certify anything by hand: votectl ledger <poll> --environment ${var.environment}"
      metrics    = { unaccounted = local.own_metrics["vote_aggregator"]["unaccounted"] }
      datapoints = 2
      periods    = 5
    }
    conservation-broken-vote-writer = {
      section    = "conservation-broken"
      means      = "vote_writer has received records that it neither stored nor returned for a retry: its sums do not add up."
      first      = "Do not certify anything by hand: votectl ledger <poll> --environment ${var.environment}"
      metrics    = { unaccounted = local.own_metrics["vote_writer"]["unaccounted"] }
      datapoints = 2
      periods    = 5
    }
  }

  tally_alarms = {
    tally-not-started = {
      means   = "A schedule could not start the tally of a poll that has closed."
      first   = "votectl tally <poll> --environment ${var.environment}"
      metrics = { dropped = { namespace = "AWS/Scheduler", name = "InvocationDroppedCount", dimensions = { ScheduleGroup = var.schedule_group_name }, stat = "Sum" } }
    }
    tally-failed = {
      means   = "A tally ended without a result, or without its results pack. Nothing is lost: it can be started again."
      first   = "votectl tally <poll> --environment ${var.environment}"
      metrics = { failed = { namespace = "AWS/States", name = "ExecutionsFailed", dimensions = { StateMachineArn = var.state_machine_arn }, stat = "Sum" } }
    }
    # A tally looks at least once a minute, and a look may slip into the next minute. So two thirds of the minutes are enough.
    tally-waiting = {
      means      = "A tally has been waiting for ${var.settings.tally_minutes} minutes for a consumer that has not passed its closing markers."
      first      = "votectl tally <poll> --environment ${var.environment}: it names who is behind."
      metrics    = { markers = { namespace = local.own_namespace, name = "MarkersAwaited", dimensions = local.own_dimensions["tally"], stat = "Maximum" } }
      datapoints = ceil(var.settings.tally_minutes * 2 / 3)
      periods    = var.settings.tally_minutes
    }
    tally-blocked = {
      means      = "A tally waits, because batches that vote_writer gave up on have not been redriven."
      first      = "votectl redrive --environment ${var.environment}"
      metrics    = { batches = { namespace = local.own_namespace, name = "FailedBatchesWaiting", dimensions = local.own_dimensions["tally"], stat = "Maximum" } }
      datapoints = 2
      periods    = 3
    }
    # The alarm watches a metric without the poll, because a metric for each poll would cost money. Its message holds the
    # command that prints the poll.
    certificate-withheld = {
      means   = "A tally waits, because vote_writer lost records since its poll was announced."
      first   = "aws logs tail /aws/lambda/${var.functions["tally"].function_name} --since 15m --filter-pattern '\"certificate withheld\"': poll_id in its line is the poll."
      metrics = { records = { namespace = local.own_namespace, name = "RecordsLost", dimensions = local.own_dimensions["tally"], stat = "Maximum" } }
    }
    # The metric's value is the number of votes, which the alarm's reason shows. One minute is enough, because a recount
    # reports it once.
    certificate-contradicted = {
      means   = "A recount has other counts than the final result: votes came too late for the certificate, or stored votes were changed."
      first   = "aws logs tail /aws/lambda/${var.functions["tally"].function_name} --since 15m --filter-pattern '\"certificate contradicted\"': its line has the poll (poll_id), and number and times of the votes."
      metrics = { votes = { namespace = local.own_namespace, name = "VotesContradicting", dimensions = local.own_dimensions["tally"], stat = "Sum" } }
    }
  }

  # One refresh may be missed, and the first of a minute may be late. The alarm needs more than that.
  unique_count_alarms = merge([
    for settings in var.unique_count[*] : {
      unique-count-late-age = {
        section    = "unique-count-late"
        means      = "The number of voters of an open poll is more than ${3 * settings.refresh_seconds + 120} s old. Votes and live counts are not touched."
        first      = "Look into the log of ${var.functions["unique_counter"].function_name}."
        metrics    = { age = { namespace = local.own_namespace, name = "UniqueCountAge", dimensions = local.own_dimensions["unique_counter"], stat = "Maximum" } }
        threshold  = 1000 * (3 * settings.refresh_seconds + 120)
        datapoints = 3
        periods    = 5
      }
      unique-count-late-schedule = {
        section    = "unique-count-late"
        means      = "Schedules can't start the count of voters: its function or their role is gone, or the scheduler is throttled."
        first      = "make plan ENV=${var.environment}; it shows what is missing."
        metrics    = { dropped = { namespace = "AWS/Scheduler", name = "InvocationDroppedCount", dimensions = { ScheduleGroup = settings.schedule_group_name }, stat = "Sum" } }
        datapoints = 3
        periods    = 5
      }
    }
  ]...)

  # Defaults: any value above zero in a minute rings, and missing data does not. The runbook's section has the alarm's name.
  alarm_defaults = {
    threshold   = 0
    operator    = "GreaterThanThreshold"
    datapoints  = 1
    periods     = 1
    missing     = "notBreaching"
    expressions = {}
  }
  alarms = { for name, alarm in merge(
    local.front_door_alarms, local.stream_alarms, local.table_alarms, local.consumer_alarms, local.function_alarms,
    local.account_alarms, local.counting_alarms, local.tally_alarms, local.unique_count_alarms,
  ) : name => merge(local.alarm_defaults, { section = name }, alarm) }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.settings.alarms_enabled }

  alarm_name          = "${var.name_prefix}-${each.key}"
  alarm_description   = "${each.value.means}\nFirst: ${each.value.first}\nRunbook: ${var.settings.runbook_url}#${each.value.section}"
  comparison_operator = each.value.operator
  threshold           = each.value.threshold
  datapoints_to_alarm = each.value.datapoints
  evaluation_periods  = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = local.topic_arns
  ok_actions          = local.topic_arns

  # An alarm without an expression is a metric, one with an expression has only queries.
  namespace   = length(each.value.expressions) > 0 ? null : one(values(each.value.metrics)).namespace
  metric_name = length(each.value.expressions) > 0 ? null : one(values(each.value.metrics)).name
  dimensions  = length(each.value.expressions) > 0 ? null : one(values(each.value.metrics)).dimensions
  statistic   = length(each.value.expressions) > 0 ? null : one(values(each.value.metrics)).stat
  period      = length(each.value.expressions) > 0 ? null : local.minute

  dynamic "metric_query" {
    for_each = each.value.expressions

    content {
      id          = metric_query.key
      expression  = metric_query.value.expression
      label       = metric_query.value.label
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = { for id, metric in each.value.metrics : id => metric if length(each.value.expressions) > 0 }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = local.minute
      }
    }
  }
}
