# One page, in the order in which a vote passes the parts. A widget names only its title, unit, metrics and marks; the end
# of the file adds the rest. A metric has CloudWatch's own form, [namespace, name, dimension, value, …, options].
locals {
  services = sort(keys(var.functions))

  # Metrics per service, function, consumer or table, as lists to join.
  api      = { for method, path in { POST = var.api.votes_path, GET = var.api.results_path } : method => ["ApiName", var.api.name, "Method", method, "Resource", path, "Stage", var.api.stage_name] }
  door     = flatten([for name, value in local.posted.dimensions : [name, value]])
  own      = { for service in local.services : service => ["environment", var.environment, "service", service] }
  function = { for service in local.services : service => ["FunctionName", var.functions[service].function_name] }
  mapping  = { for name, consumer in var.consumers : name => ["EventSourceMappingUUID", consumer.event_source_mapping_id] }
  stream   = ["StreamName", var.stream.name]
  rejected = ["UnknownPoll", "UnknownOption", "NotOpenYet", "Closed", "Malformed"]

  rows = [
    {
      title = "Is anything wrong?"
      widgets = concat(
        [{
          type = "text", width = 6, properties = {
            markdown = join("\n", [
              "## ${var.name_prefix}",
              "Every alarm has a section in the runbook: ${var.settings.runbook_url}",
              "",
              "Votes travel from top to bottom on this page.",
            ])
        } }],
        var.settings.alarms_enabled ? [{
          type = "alarm", width = 18, properties = {
            title  = "Alarms"
            alarms = [for name in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[name].arn]
        } }] : [],
      )
    },
    {
      title = "The front door"
      widgets = [
        { title = "Votes posted, by answer", unit = "requests a minute", stat = "Sum", marks = [{ label = "let in", value = var.api.throttling_rate_limit * 60 }], metrics = [
          concat([local.posted.namespace, local.posted.count], local.door, [{ label = "all" }]),
          concat([local.posted.namespace, local.posted.client_errors], local.door, [{ label = "4xx: throttled or malformed" }]),
          concat([local.posted.namespace, local.posted.server_errors], local.door, [{ label = "5xx" }]),
        ] },
        { title = "How long a vote takes", unit = "ms", stat = "p50", marks = [], metrics = concat([for stat in ["p50", "p99"] :
          concat([local.posted.namespace, local.posted.latency], local.door, [{ stat = stat, label = "answer, ${stat}" }])
          ],
          [for stat in ["p50", "p99"] : ["AWS/Lambda", "Duration", "FunctionName", try(var.door.function_name, ""), { stat = stat, label = "ingress, ${stat}" }] if var.door != null],
          [for stat in ["p99"] : concat(["AWS/ApiGateway", "IntegrationLatency"], local.api["POST"], [{ stat = stat, label = "Kinesis, ${stat}" }]) if var.door == null],
        ) },
        { title = "Requests for results", unit = "requests a minute", stat = "Sum", marks = [], metrics = [
          concat(["AWS/ApiGateway", "Count"], local.api["GET"], [{ label = "all" }]),
          concat([local.own_namespace, "RequestsNotModified"], local.own["results_api"], [{ label = "304" }]),
          concat([local.own_namespace, "RequestsRefused"], local.own["results_api"], [{ label = "4xx" }]),
          concat([local.own_namespace, "RequestsUnavailable"], local.own["results_api"], [{ label = "503: a table can't be read" }]),
          concat(["AWS/ApiGateway", "5XXError"], local.api["GET"], [{ label = "5xx" }]),
        ] },
      ]
    },
    {
      title = "The stream"
      widgets = [
        { title = "Records", unit = "records a minute", stat = "Sum", marks = var.stream.shard_count == null ? [] : [{ label = "shards take", value = var.stream.shard_count * 1000 * 60 }], metrics = [
          concat(["AWS/Kinesis", "IncomingRecords"], local.stream, [{ label = "taken" }]),
          concat(["AWS/Kinesis", "WriteProvisionedThroughputExceeded"], local.stream, [{ label = "refused" }]),
        ] },
        { title = "Bytes", unit = "bytes a minute", stat = "Sum", marks = var.stream.shard_count == null ? [] : [{ label = "shards take", value = var.stream.shard_count * 1048576 * 60 }], metrics = [
          concat(["AWS/Kinesis", "IncomingBytes"], local.stream, [{ label = "taken" }]),
        ] },
        { title = "How far behind the consumers are (live lag)", unit = "ms", stat = "Maximum", marks = [for name, seconds in local.lag_seconds : { label = "${name}: alarm", value = seconds * 1000 }], metrics = concat(
          [for name in sort(keys(var.consumers)) : concat(["AWS/Lambda", "IteratorAge"], local.function[name], [{ label = name }])],
          [concat(["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"], local.stream, [{ label = "as Kinesis sees it, all readers" }])],
        ) },
      ]
    },
    {
      title = "What becomes of the votes"
      widgets = [
        { title = "Accepted and rejected by reason", unit = "records a minute", stat = "Sum", marks = [], metrics = concat(
          [concat([local.own_namespace, "VotesAccepted"], local.own["vote_aggregator"], [{ label = "accepted" }])],
          [for reason in local.rejected : concat([local.own_namespace, "Rejected${reason}"], local.own["vote_aggregator"], [{ label = reason }])],
        ) },
        { title = "Stored", unit = "votes a minute", stat = "Sum", marks = [], metrics = [
          for name, label in {
            VotesStored        = "first votes"
            VotesChanged       = "changes of mind"
            VotesFolded        = "followed by a later one in the batch"
            VotesAlreadyStored = "there already"
            VotesUnwritten     = "to be retried"
          } : concat([local.own_namespace, name], local.own["vote_writer"], [{ label = label }])
        ] },
        { title = "Counted live", unit = "records a minute", stat = "Sum", marks = [], metrics = [
          for name, label in {
            RecordsCounted        = "counted"
            RecordsAlreadyCounted = "counted before"
            RecordsUncounted      = "to be retried"
            LiveRowsWritten       = "rows written"
          } : concat([local.own_namespace, name], local.own["vote_aggregator"], [{ label = label }])
        ] },
      ]
    },
    {
      title = "The tables"
      widgets = concat(
        [for table, settings in var.tables : {
          title = "Write units, ${table}", unit = "units a second", stat = "Sum"
          marks = settings.max_write_units == null ? [] : [{ label = "ceiling", value = settings.max_write_units }]
          metrics = concat(
            [
              [{ expression = "used / PERIOD(used)", id = "rate", label = "used" }],
              ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", settings.name, { id = "used", visible = false }],
              ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", settings.name, { label = "refused writes a minute", yAxis = "right" }],
            ],
            settings.billing_mode == "PROVISIONED" ? [["AWS/DynamoDB", "ProvisionedWriteCapacityUnits", "TableName", settings.name, { stat = "Average", label = "provisioned" }]] : [],
          )
        } if table != "polls"],
        [
          { title = "Refused reads and writes, and what the writer got through", unit = "a minute", stat = "Sum", marks = [], metrics = concat(
            [for table, settings in var.tables : ["AWS/DynamoDB", "ReadThrottleEvents", "TableName", settings.name, { label = "${table}, reads" }]],
            [["AWS/DynamoDB", "WriteThrottleEvents", "TableName", var.tables["polls"].name, { label = "polls, writes" }]],
            [for metric, label in { StatementsAnswered = "taken", StatementsThrottled = "refused" } :
              concat([local.own_namespace, metric], local.own["vote_writer"], [{ label = "votes, ${label} as vote_writer sees it" }])
            ],
          ) },
        ],
      )
    },
    {
      title = "The functions"
      widgets = [
        { title = "Errors and refusals", unit = "invocations a minute", stat = "Sum", marks = [], metrics = concat(
          [for metric, label in { Errors = "errors", Throttles = "refused" } : ["AWS/Lambda", metric, "FunctionName", try(var.door.function_name, ""), { label = "ingress, ${label}" }] if var.door != null],
          [for service in local.services : concat(["AWS/Lambda", "Errors"], local.function[service], [{ label = "${service}, errors" }])],
          [for service in local.services : concat(["AWS/Lambda", "Throttles"], local.function[service], [{ label = "${service}, refused" }])],
        ) },
        { title = "Longest run", unit = "ms", stat = "Maximum", marks = [for name in sort(keys(var.consumers)) : { label = "${name}: timeout", value = var.functions[name].timeout_seconds * 1000 }], metrics = [
          for service in local.services : concat(["AWS/Lambda", "Duration"], local.function[service], [{ label = service }])
        ] },
        { title = "Running at once", unit = "invocations", stat = "Maximum", marks = [], metrics = concat(
          [for metric in ["ConcurrentExecutions"] : ["AWS/Lambda", metric, "FunctionName", try(var.door.function_name, ""), { label = "ingress" }] if var.door != null],
          [for service in local.services : concat(["AWS/Lambda", "ConcurrentExecutions"], local.function[service], [{ label = service }])],
          [["AWS/Usage", "ResourceCount", "Class", "None", "Resource", "ConcurrentExecutions", "Service", "Lambda", "Type", "Resource", { label = "account", id = "running" }]],
          [[{ expression = "SERVICE_QUOTA(running)", label = "quota", id = "quota" }]],
        ) },
      ]
    },
    {
      title = "What was given up"
      widgets = [
        { title = "Records", unit = "records a minute", stat = "Sum", marks = [], metrics = concat(
          [for name in sort(keys(var.consumers)) : concat(["AWS/Lambda", "OnFailureDestinationDeliveredEventCount"], local.mapping[name], [{ label = "${name}: into the failure bucket" }])],
          [for name in sort(keys(var.consumers)) : concat(["AWS/Lambda", "DroppedEventCount"], local.mapping[name], [{ label = "${name}: not even there" }])],
          [for name in sort(keys(var.consumers)) : concat(["AWS/Lambda", "DestinationDeliveryFailures"], local.function[name], [{ label = "${name}: bucket refused" }])],
        ) },
        { title = "Handed back for a retry", unit = "records a minute", stat = "Sum", marks = [], metrics = [
          for name in sort(keys(var.consumers)) : concat([local.own_namespace, "RecordsReportedFailed"], local.own[name], [{ label = name }])
        ] },
        { title = "Read from the stream", unit = "records a minute", stat = "Sum", marks = [], metrics = concat(
          [for name in sort(keys(var.consumers)) : concat(["AWS/Lambda", "PolledEventCount"], local.mapping[name], [{ label = "${name}: read" }])],
          [for name in sort(keys(var.consumers)) : concat(["AWS/Lambda", "InvokedEventCount"], local.mapping[name], [{ label = "${name}: handed to it" }])],
        ) },
      ]
    },
    {
      title = "From closed to final"
      widgets = [
        { title = "Drain", unit = "markers, batches", stat = "Maximum", marks = [], metrics = [
          concat([local.own_namespace, "MarkersAwaited"], local.own["tally"], [{ label = "markers awaited" }]),
          concat([local.own_namespace, "FailedBatchesWaiting"], local.own["tally"], [{ label = "failed batches waiting" }]),
          concat([local.own_namespace, "RecordsLost"], local.own["tally"], [{ label = "records lost" }]),
          concat([local.own_namespace, "MarkersPut"], local.own["tally"], [{ stat = "Sum", label = "markers put" }]),
          concat([local.own_namespace, "MarkersPassed"], local.own["vote_writer"], [{ stat = "Sum", label = "passed by vote_writer" }]),
          concat([local.own_namespace, "MarkersPassed"], local.own["vote_aggregator"], [{ stat = "Sum", label = "passed by vote_aggregator" }]),
        ] },
        { title = "Votes counted", unit = "votes a minute", stat = "Sum", marks = [], metrics = [
          concat([local.own_namespace, "VotesCounted"], local.own["tally"], [{ label = "counted" }]),
        ] },
        { title = "Tallies", unit = "tallies a minute", stat = "Sum", marks = [], metrics = [
          ["AWS/States", "ExecutionsStarted", "StateMachineArn", var.state_machine_arn, { label = "started" }],
          ["AWS/States", "ExecutionsSucceeded", "StateMachineArn", var.state_machine_arn, { label = "ended well" }],
          ["AWS/States", "ExecutionsFailed", "StateMachineArn", var.state_machine_arn, { label = "failed" }],
          ["AWS/Scheduler", "InvocationDroppedCount", "ScheduleGroup", var.schedule_group_name, { label = "not started" }],
          concat([local.own_namespace, "ResultsCertified"], local.own["tally"], [{ label = "certified" }]),
          concat([local.own_namespace, "VotesContradicting"], local.own["tally"], [{ label = "votes in which a recount differs" }]),
        ] },
      ]
    },
    {
      title = "What it costs"
      widgets = [
        { title = "Requests to the API", unit = "requests an hour", stat = "Sum", period = 3600, marks = [], metrics = [
          ["AWS/ApiGateway", "Count", "ApiName", var.api.name, "Stage", var.api.stage_name, { label = "all" }],
        ] },
        { title = "Write units", unit = "units an hour", stat = "Sum", period = 3600, marks = [], metrics = [
          for table, settings in var.tables : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", settings.name, { label = table }]
        ] },
        { title = "Functions", unit = "GB-seconds an hour", stat = "Sum", period = 3600, marks = [], metrics = concat(
          [for service in local.services : [{ expression = "${service}_ms / 1000 * ${var.functions[service].memory_mb} / 1024", label = service, id = service }]],
          [for service in local.services : concat(["AWS/Lambda", "Duration"], local.function[service], [{ id = "${service}_ms", visible = false }])],
        ) },
      ]
    },
  ]

  # Each poll has its own metric here, so the widget searches for it.
  unique_count_rows = [
    for settings in var.unique_count[*] : {
      title = "One vote per voter, live"
      widgets = [
        { title = "Accepted votes per 100 voters, by poll: 100 if nobody repeats", unit = "votes", stat = "Maximum", marks = [], metrics = [
          [{ expression = "SEARCH('{${local.own_namespace},environment,poll_id,service} MetricName=\"VotesPer100Voters\" environment=\"${var.environment}\"', 'Maximum', ${local.minute})", label = "", id = "polls" }],
        ] },
        { title = "How old the number of voters is", unit = "ms", stat = "Maximum", marks = [{ label = "alarm", value = local.unique_count_alarms["unique-count-late-age"].threshold }], metrics = [
          concat([local.own_namespace, "UniqueCountAge"], local.own["unique_counter"], [{ label = "age" }]),
        ] },
        { title = "Passes over buckets, and votes read", unit = "a minute", stat = "Sum", marks = [], metrics = concat(
          [for name, label in { BucketsCounted = "counted", BucketsBusy = "busy", BucketsUnfinished = "unfinished", BucketsLost = "lost" } : concat([local.own_namespace, name], local.own["unique_counter"], [{ label = label }])],
          [concat([local.own_namespace, "VotesCounted"], local.own["unique_counter"], [{ label = "votes", yAxis = "right" }])],
          [["AWS/Scheduler", "InvocationDroppedCount", "ScheduleGroup", settings.schedule_group_name, { label = "not started" }]],
        ) },
      ]
    }
  ]

  # Row by row: a heading of one unit, then widgets of six, side by side; 24 units are the page's width.
  dashboard = {
    periodOverride = "inherit"
    widgets = flatten([
      for number, row in concat(local.rows, local.unique_count_rows) : concat(
        [{ type = "text", x = 0, y = number * 7, width = 24, height = 1, properties = { markdown = "### ${row.title}", background = "transparent" } }],
        [for place, widget in row.widgets : {
          type   = try(widget.type, "metric")
          x      = number == 0 ? place * 6 : place * 8
          y      = number * 7 + 1
          width  = try(widget.width, 8)
          height = 6
          properties = try(widget.properties, {
            title       = widget.title
            region      = data.aws_region.current.id
            view        = "timeSeries"
            stat        = widget.stat
            period      = try(widget.period, local.minute)
            yAxis       = { left = { label = widget.unit, showUnits = false, min = 0 } }
            annotations = { horizontal = widget.marks }
            metrics     = widget.metrics
          })
        }]
      )
    ])
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name_prefix
  dashboard_body = jsonencode(local.dashboard)
}
