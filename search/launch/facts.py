"""What a study keeps of its proxy, for later readers: a worker, an export, a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from search.proxies.registry import AnyProxy, declared_made_of
from search.scripts.fingerprints import one_by_one_made_of
from search.spec.handed import HandedOver
from search.spec.proxy import CommandProxy, FreeProxy

OWN_NOTE = "searched on your own training"
STAND_IN_NOTE = "a built-in task stands in for your model: the shape is a suggestion"


def proxy_facts(proxy: AnyProxy, *, own: bool = False) -> dict[str, Any]:
    """What a study keeps of a declared proxy, and an exported schedule tells; `own`: it is the user's."""
    return {
        "name": proxy.name,
        "kind": "declared",
        **declared_made_of(proxy).facts(),
        "note": OWN_NOTE if own else STAND_IN_NOTE,
        "optimizer": proxy.optimizer.name,
        **{name: value for name, value in asdict(proxy.optimizer).items() if name != "name"},
        "batch_size": proxy.batch_size,
        "parameters": proxy.parameter_count,
    }


def one_by_one_facts(proxy: CommandProxy | FreeProxy, handed: HandedOver | None = None) -> dict[str, Any]:
    """The same of a proxy that trains one run at a time.

    Raises:
        ValueError: a function proxy's module can't be found.
    """
    made_of = one_by_one_made_of(proxy, handed)
    return {"name": proxy.name, "kind": proxy.kind, **made_of.facts(), "note": OWN_NOTE}
