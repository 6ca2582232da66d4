"""The measures of the limits in aws_limits.json.

A measure takes the resources of one run and yields pairs of a subject and a number, which must not exceed the limit.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from contract.everything import Resource, default_tags

type Measures = Iterator[tuple[str, float]]
type Measure = Callable[[Iterable[Resource]], Measures]


def each(kind: str, number: Callable[[Mapping[str, Any]], float]) -> Measure:
    """Measure each resource of a kind by its planned values."""

    def measure(run: Iterable[Resource]) -> Measures:
        for resource in _of(run, kind):
            yield resource.address, number(resource.values)

    return measure


def tagged(number: Callable[[dict[str, str]], float]) -> Measure:
    """Measure the tags of each resource that has some."""

    def measure(run: Iterable[Resource]) -> Measures:
        for resource in run:
            if "tags_all" in resource.values:
                yield resource.address, number(default_tags() | (resource.values["tags"] or {}))

    return measure


def dashboards(number: Callable[[list[dict[str, Any]]], float]) -> Measure:
    """Measure the widgets of each dashboard."""
    return each(
        "aws_cloudwatch_dashboard", lambda planned: number(json.loads(planned["dashboard_body"])["widgets"])
    )


def per_api(kind: str) -> Measure:
    """Count the resources of a kind that each API has."""

    def measure(run: Iterable[Resource]) -> Measures:
        found: defaultdict[str, int] = defaultdict(int)
        for resource in _of(run, kind):
            found[resource.values["rest_api_id"]] += 1
        yield from found.items()

    return measure


def in_all(subject: str, kind: str) -> Measure:
    """Count the resources of a kind."""
    return lambda run: iter([(subject, len(list(_of(run, kind))))])


def _shown(widget: dict[str, Any]) -> int:
    return len(widget["properties"].get("metrics", []))


def api_template(run: Iterable[Resource]) -> Measures:
    for kind in ("integration", "integration_response", "gateway_response"):
        for resource in _of(run, f"aws_api_gateway_{kind}"):
            templates = resource.values.get("request_templates") or resource.values.get("response_templates")
            for template in (templates or {}).values():
                yield resource.address, _bytes(template)


def cloudfront_cache_key(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_cloudfront_cache_policy"):
        (key,) = policy.values["parameters_in_cache_key_and_forwarded_to_origin"]
        for part in ("cookies", "headers", "query_strings"):
            (config,) = key[f"{part}_config"]
            yield f"{policy.address}: {part}", sum(len(named["items"]) for named in config[part] or [])


def cloudfront_header_value(run: Iterable[Resource]) -> Measures:
    for policy in _of(run, "aws_cloudfront_response_headers_policy"):
        (security,) = policy.values["security_headers_config"]
        (content,) = security["content_security_policy"]
        yield f"{policy.address}: Content-Security-Policy", len(content["content_security_policy"])
        for header in _custom_headers(policy.values):
            yield f"{policy.address}: {header['header']}", len(header["value"])


def _custom_headers(planned: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [header for config in planned["custom_headers_config"] or [] for header in config["items"]]


def lambda_permissions(run: Iterable[Resource]) -> Measures:
    sizes: Counter[str] = Counter()
    for permission in _of(run, "aws_lambda_permission"):
        sizes[permission.values["function_name"]] += _bytes(json.dumps(permission.values))
    yield from sizes.items()


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


def waf_body(run: Iterable[Resource]) -> Measures:
    for acl in _of(run, "aws_wafv2_web_acl"):
        for body in acl.values["custom_response_body"]:
            yield f"{acl.address}: {body['key']}", _bytes(body["content"])


def waf_headers(run: Iterable[Resource]) -> Measures:
    for acl in _of(run, "aws_wafv2_web_acl"):
        for found in _blocks(acl.values["rule"], "custom_response"):
            yield acl.address, len(found["response_header"])


# Capacity units of a statement (AWS WAF's "rule statements list"), at their highest: by operator for matches, and 10
# more for every text transformation.
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


ALARM, DISTRIBUTION = "aws_cloudwatch_metric_alarm", "aws_cloudfront_distribution"
FUNCTION, MAPPING = "aws_lambda_function", "aws_lambda_event_source_mapping"

MEASURES: Mapping[str, Measure] = {
    "alarm-metrics": each(
        ALARM, lambda alarm: sum(bool(q["metric"]) for q in alarm["metric_query"] or []) or 1
    ),
    "api-authorizers": per_api("aws_api_gateway_authorizer"),
    "api-integration-timeout": each(
        "aws_api_gateway_integration",
        lambda planned: planned["timeout_milliseconds"] or 29000,  # the default
    ),
    "api-model": each("aws_api_gateway_model", lambda model: _bytes(model["schema"])),
    "api-policy": each("aws_api_gateway_rest_api", lambda api: _bytes(api["policy"] or "")),
    "api-resources": per_api("aws_api_gateway_resource"),
    "api-template": api_template,
    "api-usage-plans": in_all("the account", "aws_api_gateway_usage_plan"),
    "bucket-lifecycle-rules": each(
        "aws_s3_bucket_lifecycle_configuration", lambda planned: len(planned["rule"])
    ),
    "bucket-name": each("aws_s3_bucket", lambda bucket: len(bucket["bucket"])),
    "bucket-policy": each("aws_s3_bucket_policy", lambda planned: _bytes(planned["policy"])),
    "cloudfront-aliases": each(DISTRIBUTION, lambda planned: len(planned["aliases"] or [])),
    "cloudfront-behaviors": each(
        DISTRIBUTION, lambda planned: 1 + len(planned["ordered_cache_behavior"] or [])
    ),
    "cloudfront-cache-key": cloudfront_cache_key,
    "cloudfront-comment": each(DISTRIBUTION, lambda planned: len(planned["comment"] or "")),
    "cloudfront-function": each("aws_cloudfront_function", lambda function: _bytes(function["code"])),
    "cloudfront-header-value": cloudfront_header_value,
    "cloudfront-headers": each(
        "aws_cloudfront_response_headers_policy", lambda planned: len(_custom_headers(planned))
    ),
    "cloudfront-origins": each(DISTRIBUTION, lambda planned: len(planned["origin"])),
    "dashboard-metrics": dashboards(lambda widgets: sum(map(_shown, widgets))),
    "dashboard-widget-metrics": dashboards(lambda widgets: max(map(_shown, widgets))),
    "dashboard-widgets": dashboards(len),
    "kms-policy": each("aws_kms_key", lambda key: _bytes(key["policy"])),
    "lambda-batch-without-window": each(
        MAPPING,
        lambda planned: 0 if planned["maximum_batching_window_in_seconds"] else planned["batch_size"],
    ),
    "lambda-environment": each(
        FUNCTION,
        lambda function: sum(
            _bytes(name) + _bytes(value)
            for environment in function["environment"]
            for name, value in environment["variables"].items()
        ),
    ),
    "lambda-name": each(FUNCTION, lambda function: len(function["function_name"])),
    "lambda-permissions": lambda_permissions,
    "managed-policy": each("aws_iam_policy", lambda planned: _visible(planned["policy"])),
    "parameter-value": each("aws_ssm_parameter", lambda parameter: len(parameter["value"])),
    "role-inline-policies": role_inline_policies,
    "role-managed-policies": role_managed_policies,
    "role-trust-policy": each("aws_iam_role", lambda role: _visible(role["assume_role_policy"])),
    "stream-consumers": in_all("the stream", "aws_kinesis_stream_consumer"),
    "stream-retention": each("aws_kinesis_stream", lambda stream: stream["retention_period"]),
    "table-name": each("aws_dynamodb_table", lambda table: len(table["name"])),
    "tag-key": tagged(lambda tags: max(map(len, tags))),
    "tag-value": tagged(lambda tags: max(map(len, tags.values()))),
    "tags": tagged(len),
    "topic-name": each("aws_sns_topic", lambda topic: len(topic["name"])),
    "topic-policy": each("aws_sns_topic_policy", lambda planned: _bytes(planned["policy"])),
    "waf-body": waf_body,
    "waf-capacity": each(
        "aws_wafv2_web_acl", lambda acl: sum(_capacity(rule["statement"]) for rule in acl["rule"])
    ),
    "waf-headers": waf_headers,
}
