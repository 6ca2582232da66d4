"""The addresses of a poll's pages: for voters, and for the screen."""

import io
from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from votectl.deployment import Deployment
from voting.settings import VoterAuth


def links(deployment: Deployment, poll_id: str) -> dict[str, str]:
    """Return the addresses by purpose; empty if the deployment has no pages.

    If back ends vote for people, there is a page for the screen and none to vote on.
    """
    base = deployment.pages
    if base is None:
        return {}
    pages = {"vote": "vote", "screen": "board"}
    if deployment.voter_auth is VoterAuth.IAM:
        del pages["vote"]
    return {name: f"{base}/{page}#poll={poll_id}" for name, page in pages.items()}


def lines(deployment: Deployment, poll_id: str) -> Iterator[Text]:
    """Yield a line for each address, in one piece, so that a terminal can open it."""
    for name, address in links(deployment, poll_id).items():
        yield Text.assemble(f"{name.capitalize()}:".ljust(8), (address, "bold"))


def show(deployment: Deployment, poll_id: str, console: Console) -> None:
    """Print the addresses, and in a terminal the QR code of the page to vote on."""
    for line in lines(deployment, poll_id):
        console.print(line, soft_wrap=True, highlight=False)
    vote = links(deployment, poll_id).get("vote")
    if vote and console.is_terminal:
        console.print(qr(vote), highlight=False)


def qr(text: str) -> Text:
    """Return a QR code as half blocks: black on white, whatever the terminal's colours are."""
    import segno

    written = io.StringIO()
    segno.make(text, error="m", micro=False).save(written, kind="txt", border=2)
    rows = written.getvalue().split()
    rows += ["0" * len(rows[0])] * (len(rows) % 2)
    half = {"00": " ", "01": "▄", "10": "▀", "11": "█"}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return Text(
        "\n".join("".join(half[a + b] for a, b in zip(*pair, strict=True)) for pair in pairs),
        style="black on white",
    )
