"""What is measured for each limit of aws_limits.json: a function per limit, named for it.

Each takes the resources of one run and yields pairs of a subject and a number, which must not exceed the limit.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from contract.everything import Resource, default_tags

Measures = Iterator[tuple[str, float]]


def alarm_metrics(run: Iterable[Resource]) -> Measures:
    for alarm in _of(run, "aws_cloudwatch_metric_alarm"):
        queries = alarm.values["metric_query"] or []
        yield alarm.address, sum(bool(query["metric"]) for query in queries) or 1


def api_authorizers(run: Iterable[Resource]) -> Measures:
    yield from _per_api(run, "aws_api_gateway_authorizer")


def api_integration_timeout(run: Iterable[Resource]) -> Measures:
    for integration in _of(run, "aws_api_gateway_integration"):
        yield integration.address, integration.values["timeout_milliseconds"] or 29000  # the default


def api_model(run: Iterable[Resource]) -> Measures:
    for model in _of(run, "aws_api_gateway_model"):
        yield model.address, _bytes(model.values["schema"])


def api_policy(run: Iterable[Resource]) -> Measures:
    for api in _of(run, "aws_api_gateway_rest_api"):
        yield api.address, _bytes(api.values["policy"] or "")


def api_resources(run: Iterable[Resource]) -> Measures:
    yield from _per_api(run, "aws_api_gateway_resource")


def api_template(run: Iterable[Resource]) -> Measures:
    for kind in ("integration", "integration_response", "gateway_response"):
        for resource in _of(run, f"aws_api_gateway_{kind}"):
            templates = resource.values.get("request_templates") or resource.values.get("response_templates")
            for template in (templates or {}).values():
                yield resource.address, _bytes(template)


def api_usage_plans(run: Iterable[Resource]) -> Measures:
    yield "the account", len(list(_of(run, "aws_api_gateway_usage_plan")))


def bucket_lifecycle_rules(run: Iterable[Resource]) -> Measures:
    for configuration in _of(run, "aws_s3_bucket_lifecycle_configuration"):
        yield configuration.address, len(configuration.values["rule"])


def bucket_name(run: Iterable[Resource]) -> Measures:
    for bucket in _of(run, "aws_s3_bucket"):
        yield bucket.address, len(bucket.values["bucket"])


def bucket_policy(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_s3_bucket_policy"):
        yield policy.address, _bytes(policy.values["policy"])


def cloudfront_aliases(run: Iterable[Resource]) -> Measures:
    for distribution in _of(run, "aws_cloudfront_distribution"):
        yield distribution.address, len(distribution.values["aliases"] or [])


def cloudfront_behaviors(run: Iterable[Resource]) -> Measures:
    for distribution in _of(run, "aws_cloudfront_distribution"):
        yield distribution.address, 1 + len(distribution.values["ordered_cache_behavior"] or [])


def cloudfront_cache_key(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_cloudfront_cache_policy"):
        (key,) = policy.values["parameters_in_cache_key_and_forwarded_to_origin"]
        for part in ("cookies", "headers", "query_strings"):
            (config,) = key[f"{part}_config"]
            yield f"{policy.address}: {part}", sum(len(named["items"]) for named in config[part] or [])


def cloudfront_comment(run: Iterable[Resource]) -> Measures:
    for distribution in _of(run, "aws_cloudfront_distribution"):
        yield distribution.address, len(distribution.values["comment"] or "")


def cloudfront_function(run: Iterable[Resource]) -> Measures:
    for function in _of(run, "aws_cloudfront_function"):
        yield function.address, _bytes(function.values["code"])


def cloudfront_header_value(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_cloudfront_response_headers_policy"):
        (security,) = policy.values["security_headers_config"]
        (content,) = security["content_security_policy"]
        yield f"{policy.address}: Content-Security-Policy", len(content["content_security_policy"])
        for header in _custom_headers(policy):
            yield f"{policy.address}: {header['header']}", len(header["value"])


def cloudfront_headers(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_cloudfront_response_headers_policy"):
        yield policy.address, len(_custom_headers(policy))


def _custom_headers(policy: Resource) -> list[dict[str, Any]]:
    return [header for config in policy.values["custom_headers_config"] or [] for header in config["items"]]


def cloudfront_origins(run: Iterable[Resource]) -> Measures:
    for distribution in _of(run, "aws_cloudfront_distribution"):
        yield distribution.address, len(distribution.values["origin"])


def dashboard_metrics(run: Iterable[Resource]) -> Measures:
    for address, widgets in _dashboards(run):
        yield address, sum(len(widget["properties"].get("metrics", [])) for widget in widgets)


def dashboard_widget_metrics(run: Iterable[Resource]) -> Measures:
    for address, widgets in _dashboards(run):
        yield address, max(len(widget["properties"].get("metrics", [])) for widget in widgets)


def dashboard_widgets(run: Iterable[Resource]) -> Measures:
    for address, widgets in _dashboards(run):
        yield address, len(widgets)


def kms_policy(run: Iterable[Resource]) -> Measures:
    for key in _of(run, "aws_kms_key"):
        yield key.address, _bytes(key.values["policy"])


def lambda_batch_without_window(run: Iterable[Resource]) -> Measures:
    for mapping in _of(run, "aws_lambda_event_source_mapping"):
        window = mapping.values["maximum_batching_window_in_seconds"]
        yield mapping.address, 0 if window else mapping.values["batch_size"]


def lambda_environment(run: Iterable[Resource]) -> Measures:
    for function in _of(run, "aws_lambda_function"):
        for environment in function.values["environment"]:
            yield function.address, sum(_bytes(k) + _bytes(v) for k, v in environment["variables"].items())


def lambda_name(run: Iterable[Resource]) -> Measures:
    for function in _of(run, "aws_lambda_function"):
        yield function.address, len(function.values["function_name"])


def lambda_permissions(run: Iterable[Resource]) -> Measures:
    sizes: Counter[str] = Counter()
    for permission in _of(run, "aws_lambda_permission"):
        sizes[permission.values["function_name"]] += _bytes(json.dumps(permission.values))
    yield from sizes.items()


def managed_policy(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_iam_policy"):
        yield policy.address, _visible(policy.values["policy"])


def parameter_value(run: Iterable[Resource]) -> Measures:
    for parameter in _of(run, "aws_ssm_parameter"):
        yield parameter.address, len(parameter.values["value"])


def role_inline_policies(run: Iterable[Resource]) -> Measures:
    sizes: Counter[str] = Counter()
    for policy in _of(run, "aws_iam_role_policy"):
        # A role and its policies are in the same module. All roles have the same mocked id.
        sizes[policy.address.rpartition("aws_iam_role_policy.")[0] or "root"] += _visible(
            policy.values["policy"]
        )
    yield from sizes.items()


def role_managed_policies(run: Iterable[Resource]) -> Measures:
    attached = Counter(found.values["role"] for found in _of(run, "aws_iam_role_policy_attachment"))
    yield from attached.items()


def role_trust_policy(run: Iterable[Resource]) -> Measures:
    for role in _of(run, "aws_iam_role"):
        yield role.address, _visible(role.values["assume_role_policy"])


def stream_consumers(run: Iterable[Resource]) -> Measures:
    yield "the stream", len(list(_of(run, "aws_kinesis_stream_consumer")))


def stream_retention(run: Iterable[Resource]) -> Measures:
    for stream in _of(run, "aws_kinesis_stream"):
        yield stream.address, stream.values["retention_period"]


def table_name(run: Iterable[Resource]) -> Measures:
    for table in _of(run, "aws_dynamodb_table"):
        yield table.address, len(table.values["name"])


def tag_key(run: Iterable[Resource]) -> Measures:
    for resource, found in _tagged(run):
        yield resource.address, max(map(len, found))


def tag_value(run: Iterable[Resource]) -> Measures:
    for resource, found in _tagged(run):
        yield resource.address, max(map(len, found.values()))


def tags(run: Iterable[Resource]) -> Measures:
    for resource, found in _tagged(run):
        yield resource.address, len(found)


def topic_name(run: Iterable[Resource]) -> Measures:
    for topic in _of(run, "aws_sns_topic"):
        yield topic.address, len(topic.values["name"])


def topic_policy(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_sns_topic_policy"):
        yield policy.address, _bytes(policy.values["policy"])


def waf_body(run: Iterable[Resource]) -> Measures:
    for acl in _of(run, "aws_wafv2_web_acl"):
        for body in acl.values["custom_response_body"]:
            yield f"{acl.address}: {body['key']}", _bytes(body["content"])


def waf_capacity(run: Iterable[Resource]) -> Measures:
    for acl in _of(run, "aws_wafv2_web_acl"):
        yield acl.address, sum(_capacity(rule["statement"]) for rule in acl.values["rule"])


def waf_headers(run: Iterable[Resource]) -> Measures:
    for acl in _of(run, "aws_wafv2_web_acl"):
        for found in _blocks(acl.values["rule"], "custom_response"):
            yield acl.address, len(found["response_header"])


# Units of a statement (AWS WAF's "rule statements list"), here at their dearest: by operator for matches, and for every
# text transformation that changes something 10 more.
_UNITS = {
    "asn_match_statement": 1,
    "byte_match_statement": 10,
    "geo_match_statement": 1,
    "ip_set_reference_statement": 1,
    "label_match_statement": 1,
    "rate_based_statement": 2,
    "regex_match_statement": 3,
    "regex_pattern_set_reference_statement": 25,
    "size_constraint_statement": 1,
    "sqli_match_statement": 30,
    "xss_match_statement": 40,
}
_LOGICAL = {"and_statement", "not_statement", "or_statement", "scope_down_statement", "statement"}


def _capacity(found: Any) -> int:
    if isinstance(found, list):
        return sum(map(_capacity, found))
    if not isinstance(found, dict):
        return 0
    units = 0
    for name, blocks in found.items():
        if blocks and name.endswith("statement"):
            assert name in _UNITS or name in _LOGICAL, f"{name}: add its capacity units here"
            units += _UNITS.get(name, 0) + _capacity(blocks)
        elif name == "text_transformation":
            units += sum(10 for block in blocks if block["type"] != "NONE")
    return units


def _of(run: Iterable[Resource], kind: str) -> Iterator[Resource]:
    return (resource for resource in run if resource.type == kind)


def _per_api(run: Iterable[Resource], kind: str) -> Measures:
    found: defaultdict[str, int] = defaultdict(int)
    for resource in _of(run, kind):
        found[resource.values["rest_api_id"]] += 1
    yield from found.items()


def _tagged(run: Iterable[Resource]) -> Iterator[tuple[Resource, dict[str, str]]]:
    for resource in run:
        if "tags_all" in resource.values:
            yield resource, default_tags() | (resource.values["tags"] or {})


def _dashboards(run: Iterable[Resource]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for dashboard in _of(run, "aws_cloudwatch_dashboard"):
        yield dashboard.address, json.loads(dashboard.values["dashboard_body"])["widgets"]


def _blocks(found: Any, name: str) -> Iterator[dict[str, Any]]:
    """Yield the blocks of a name at any depth."""
    if isinstance(found, list):
        for item in found:
            yield from _blocks(item, name)
    elif isinstance(found, dict):
        for key, value in found.items():
            if key == name:
                yield from value or []
            else:
                yield from _blocks(value, name)


def _bytes(text: str) -> int:
    return len(text.encode())


def _visible(text: str) -> int:
    return len("".join(text.split()))
