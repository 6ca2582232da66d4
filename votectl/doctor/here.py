"""This machine: its credentials, region, tools and files."""

import shutil
import sys
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from scripts.bootstrap import terraform
from scripts.bootstrap.layout import HERE
from votectl.doctor.findings import Finding, ok, unknown, warning, wrong
from votectl.doctor.site import PYTHON, Asking, Site, manifest

# The cloud stamps the arrival of votes. AWS refuses signatures that are more than five minutes off.
SKEW_WARNING_SECONDS, SKEW_WRONG_SECONDS = 2.0, 240.0


def credentials(site: Asking) -> Iterator[Finding]:
    """Check the credentials."""
    caller = site.client("sts").get_caller_identity()
    yield ok("credentials", f"{caller['Arn']} in account {caller['Account']}")


def region(site: Site) -> Iterator[Finding]:
    """Check whether the region is the deployment's."""
    here = site.client("sts").meta.region_name
    if here == site.deployment.region:
        yield ok("region", here)
    else:
        yield wrong(
            "region",
            f"{here}, and the deployment is in {site.deployment.region}",
            f"export AWS_REGION={site.deployment.region}",
        )


def tools(site: Asking) -> Iterator[Finding]:
    """Check this machine's tools."""
    del site
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == PYTHON:
        yield ok("Python", python)
    else:
        yield wrong(
            "Python", f"{python}, and the locks are for 3.13", "`make install`, then .venv/bin/votectl"
        )
    candidates = [shutil.which("terraform"), HERE.tools / f"terraform-{terraform.PINNED}" / "terraform"]
    versions = [found for path in candidates if path and (found := terraform.version_of(str(path)))]
    shown = ", ".join(".".join(map(str, version)) for version in versions)
    if any(version >= terraform.FLOOR for version in versions):
        yield ok("Terraform", shown)
    else:
        yield unknown("Terraform", f"{shown or 'none'} here", "`make plan` brings one that fits")


def clock(site: Asking) -> Iterator[Finding]:
    """Compare this machine's clock with the cloud's."""
    began = time.time()
    answer = site.client("sts").get_caller_identity()  # needs no permission
    ended = time.time()
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        yield unknown("clock", "the endpoint tells no time")
        return
    # The header is cut off to whole seconds.
    ahead = (began + ended) / 2 - (parsedate_to_datetime(date).timestamp() + 0.5)
    detail = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the cloud's"
    if abs(ahead) > SKEW_WRONG_SECONDS:
        yield wrong(
            "clock", detail, "set this machine's clock: AWS refuses signatures that are 5 minutes off"
        )
    elif abs(ahead) > SKEW_WARNING_SECONDS:
        yield warning("clock", detail, "set this machine's clock, or times shown here mislead")
    else:
        yield ok("clock", "with the cloud's, to two seconds")


def tfvars(site: Site) -> Iterator[Finding]:
    """Check whether this checkout has the deployment's tfvars."""
    if site.wanted is None:
        yield unknown("tfvars", site.why_not_wanted, "capacity is not compared; run this where they are")
    else:
        yield ok("tfvars", f"infra/environments/{site.deployment.environment}.tfvars")


def artifacts(site: Site) -> Iterator[Finding]:
    """Check whether this checkout has archives to compare the functions' code with."""
    if manifest(site):
        yield ok("archives", f"in {site.artifacts.parent.name}/{site.artifacts.name}")
    else:
        yield unknown(
            "archives",
            "none here to compare the functions' code with",
            f"`make package ARCH={site.artifacts.name}`",
        )
