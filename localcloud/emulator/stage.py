"""Changes of an API's stage, as API Gateway makes them: one after the other, and each can be taken back."""
# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-unimported"

import threading
from collections.abc import Callable, Sequence
from functools import partialmethod
from typing import Any

from localemu.services.apigateway.helpers import get_moto_rest_api
from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider

_ONE_AT_A_TIME = threading.Lock()


def update_stage(
    provider: Any,
    update: Callable[..., Any],
    context: Any,
    rest_api_id: str,
    stage_name: str,
    patch_operations: Sequence[dict[str, Any]] | None = None,
    **more: Any,
) -> Any:
    """Change a stage.

    LocalEmu changes a copy and replaces the stage by it, so concurrent changes are lost: Terraform sets several methods
    in parallel, and then finds one of them missing ("empty result"). It can also remove the settings of all methods
    ("*/*"), but not of one: "Invalid method setting path", so that a destroy fails.
    """
    with _ONE_AT_A_TIME:
        stage = get_moto_rest_api(context, rest_api_id).stages.get(stage_name)
        settings = stage.method_settings if stage else {}
        left = []
        for operation in patch_operations or ():
            method = operation["path"].removeprefix("/")
            if operation["op"] == "remove" and method in settings:
                del settings[method]
            else:
                left.append(operation)
        return update(provider, context, rest_api_id, stage_name, left, **more)


def install() -> None:
    """Replace LocalEmu's own function by this one."""
    provider = ApigatewayNextGenProvider
    provider.update_stage = partialmethod(update_stage, provider.update_stage)
