from typing import Any

import pytest

from samples import a_deployment
from votectl.pack.publishing import Publication


class Bucket:
    def __init__(self, *keys: str) -> None:
        self.keys = keys

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        assert asked["Bucket"] == "packs"
        return {"Contents": [{"Key": key} for key in self.keys if key.startswith(asked["Prefix"])]}


@pytest.mark.parametrize(
    ("keys", "missing"),
    [
        ([], True),
        (["packs/finale/lines-0000.bin"], True),
        (["packs/finale/manifest.json.bak"], True),
        (["packs/finale/manifest.json"], False),
    ],
)
def test_a_pack_with_a_manifest_is_published(keys: list[str], *, missing: bool) -> None:
    publication = Publication(a_deployment(pack_bucket="packs"), "finale", Bucket(*keys))  # type: ignore[arg-type]
    assert publication.is_missing() is missing
    assert publication.sentence() == "results pack: aws s3 cp --recursive s3://packs/packs/finale/ ."


def test_a_deployment_without_publication_has_no_missing_pack() -> None:
    publication = Publication(a_deployment(pack_bucket=None), "finale")
    assert not publication.is_missing()
    assert publication.sentence() is None
