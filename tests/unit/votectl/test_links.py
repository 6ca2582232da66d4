import io
from typing import Any

import pytest
import segno
from rich.console import Console

from unit.votectl.test_credentials import deployment_of
from votectl import links
from votectl.deployment import Deployment
from voting.settings import VoterAuth


@pytest.fixture(autouse=True)
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def with_pages(auth: VoterAuth = VoterAuth.NONE, **more: Any) -> Deployment:
    return deployment_of(auth).model_copy(
        update={"pages_url": "https://vote.example", "pages_bucket": "pages"} | more
    )


def test_a_poll_has_a_page_to_vote_on_and_one_for_the_screen() -> None:
    assert links.links(with_pages(), "finale") == {
        "vote": "https://vote.example/vote#poll=finale",
        "screen": "https://vote.example/board#poll=finale",
    }


def test_iam_deployments_show_only_the_screen() -> None:
    assert links.links(with_pages(VoterAuth.IAM), "finale") == {
        "screen": "https://vote.example/board#poll=finale"
    }


def test_no_address_is_shown_without_pages() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    links.show(with_pages(pages_url=None), "finale", console)
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("serves", "expected"), [(True, "http://127.0.0.1:4566/_votestream/pages/dev"), (False, None)]
)
def test_only_the_local_cloud_serves_pages_below_its_endpoint(
    monkeypatch: pytest.MonkeyPatch, serves: bool, expected: str | None
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    monkeypatch.setattr("localcloud.serves_pages", lambda: serves)
    assert with_pages(environment="dev").pages == expected


def shown(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=40, color_system=None)
    links.show(with_pages(), "finale", console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_an_address_stays_on_one_line() -> None:
    assert "Vote:   https://vote.example/vote#poll=finale\n" in shown(terminal=False)


def test_only_a_terminal_gets_a_qr_code() -> None:
    assert "█" in shown(terminal=True)
    assert "█" not in shown(terminal=False)


def test_the_qr_code_has_the_address() -> None:
    text = "https://vote.example/vote#poll=finale"

    rows = links.qr(text).plain.split("\n")
    bits = [[glyph in half for glyph in row] for row in rows for half in ("█▀", "█▄")]
    expected = [
        [bool(bit) for bit in row] for row in segno.make(text, error="m", micro=False).matrix_iter(border=2)
    ]
    assert bits[: len(expected)] == expected
