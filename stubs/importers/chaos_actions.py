"""The actions of an experiment that only say which fault to set: toxiproxy's, and our own.

Floor 1, pure. Whatever else an action does is refused: nothing here starts a process, imports a
module or sends a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stubs.importers.fields import mapping_in, mapping_of, text_in
from stubs.importers.report import Item, NotTakenError
from stubs.importers.toxics import toxic_fault
from switchboard.fault_reader import shown
from switchboard.routes import service_label, split_url

_MODULES: Final = ("chaostoxi.toxic.actions", "chaostoxi.proxy.actions", "toxiproxy.toxic.actions",
                   "toxiproxy.proxy.actions")  # fmt: skip
_TOXICS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "create_latency_toxic": ("latency", {"latency": "latency", "jitter": "jitter"}),
    "create_bandwith_degradation_toxic": ("bandwidth", {"rate": "rate"}),
    "create_slow_connection_close_toxic": ("slow_close", {"delay": "delay"}),
    "create_timeout_toxic": ("timeout", {"timeout": "timeout"}),
    "create_slicer_toxic": ("slicer", {"average_size": "average_size", "delay": "delay"}),
    "create_limiter_toxic": ("limit_data", {"bytes": "bytes_limit"}),
}
_PROXY_PATH: Final = re.compile(r"/proxies/([^/?#]{1,100})(?:/toxics(?:/([^/?#]{1,100}))?)?/?")
_OUR_PATH: Final = re.compile(r"/__esr/faults(?:/([^/?#]{1,100}))?/?")
_DOWN: Final = {"kind": "down", "mode": "refuse"}
_PROXY_NOTE: Final = "the proxy is taken for the service of its name"

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """Sets a fault, or ends those of a service: one by its name, or all when that is None."""

    service: str
    name: str | None
    fault: Mapping[str, Any] | None = None

    def ends(self, service: str, name: str | None) -> bool:
        """Whether a fault that was set so is taken back by this step."""
        if self.service not in (service, "*"):
            return False
        return self.name is None or self.name == name


def read_step(activity: Mapping[str, Any], item: Item) -> Step:
    """What an action does. Raises NotTakenError."""
    provider = mapping_of(activity.get("provider"), "`provider`")
    kind = provider.get("type")
    if kind == "process":
        raise NotTakenError("it starts a process, which no drill does")
    if kind == "python":
        return _python(provider, item)
    if kind == "http":
        return _http(provider, item)
    raise NotTakenError(f"its provider {shown(kind)} is not known here")


def _python(provider: Mapping[str, Any], item: Item) -> Step:
    module, func = text_in(provider, "module"), text_in(provider, "func")
    if module not in _MODULES:
        raise NotTakenError(f"it runs code of {shown(module)}, which no drill does")
    arguments = mapping_in(provider, "arguments")
    build = _FUNCTIONS.get(func)
    if func in _TOXICS:
        kind, words = _TOXICS[func]
        attributes = {word: arguments[given] for word, given in words.items() if given in arguments}
        return _create_toxic({**arguments, "toxic_type": kind, "attributes": attributes}, item)
    if build is None:
        raise NotTakenError(f"what {shown(func)} does has no counterpart here")
    return build(arguments, item)


def _create_toxic(arguments: Arguments, item: Item) -> Step:
    """In the words of the module; `_toxic` has those of the API."""
    said = {"type": arguments.get("toxic_type"), "name": arguments.get("toxic_name")}
    return _toxic(text_in(arguments, "for_proxy"), {**arguments, **said}, item)


def _toxic(proxy: str, raw: Arguments, item: Item) -> Step:
    name, fault = toxic_fault(raw, item)
    service = service_label(proxy)
    item.approximate(_PROXY_NOTE)
    return Step(service, name, {**fault, "target": service})


def _delete_toxic(arguments: Arguments, item: Item) -> Step:
    return Step(service_label(text_in(arguments, "for_proxy")), text_in(arguments, "toxic_name"))


def _disable(arguments: Arguments, item: Item) -> Step:
    service = service_label(text_in(arguments, "proxy_name"))
    item.approximate(_PROXY_NOTE)
    return Step(service, "", {**_DOWN, "target": service})


def _enable(arguments: Arguments, item: Item) -> Step:
    return Step(service_label(text_in(arguments, "proxy_name")), "")


def _modify(arguments: Arguments, item: Item) -> Step:
    if arguments.get("listen_address") or arguments.get("upstream_address"):
        raise NotTakenError("it says where a proxy forwards to, which no stub does")
    if not isinstance(arguments.get("enabled"), bool):
        raise NotTakenError("it changes nothing about a proxy that has a counterpart here")
    return _enable(arguments, item) if arguments["enabled"] else _disable(arguments, item)


_FUNCTIONS: Final[Mapping[str, Callable[[Arguments, Item], Step]]] = {
    "create_toxic": _create_toxic,
    "delete_toxic": _delete_toxic,
    "disable_proxy": _disable,
    "enable_proxy": _enable,
    "modify_proxy": _modify,
    "delete_proxy": _disable,
}


def _http(provider: Mapping[str, Any], item: Item) -> Step:
    """A call of toxiproxy's API or of our own, which is read and not sent."""
    authority, target = split_url(text_in(provider, "url"))
    path = target.partition("?")[0]
    method = text_in(provider, "method", "GET").upper()
    arguments = mapping_in(provider, "arguments")
    ours = _OUR_PATH.fullmatch(path)
    if ours is not None:
        return _our_call(method, ours[1], arguments)
    is_toxiproxy = authority.endswith(":8474") or "toxiproxy" in authority
    found = _PROXY_PATH.fullmatch(path) if is_toxiproxy else None
    if is_toxiproxy and path == "/reset" and method == "POST":
        return Step("*", None)
    if found is None:
        raise NotTakenError("it sends a request that sets no fault, which no drill does")
    return _toxiproxy_call(method, path, found, arguments, item)


def _toxiproxy_call(
    method: str, path: str, found: re.Match[str], arguments: Arguments, item: Item
) -> Step:
    if "/toxics" not in path:
        if method not in ("POST", "PATCH"):
            raise NotTakenError("what it does with a proxy has no counterpart here")
        return _modify({"proxy_name": found[1], "enabled": arguments.get("enabled"),
                        "upstream_address": arguments.get("upstream"),
                        "listen_address": arguments.get("listen")}, item)  # fmt: skip
    if method == "DELETE" and found[2]:
        return Step(service_label(found[1]), found[2])
    if method != "POST" or found[2]:
        raise NotTakenError("a toxic that is changed on the way has no counterpart here")
    return _toxic(found[1], arguments, item)


def _our_call(method: str, fault_id: str | None, arguments: Arguments) -> Step:
    if method == "DELETE":
        return Step("*", fault_id)
    if method != "POST" or fault_id is not None:
        raise NotTakenError("this call of ours sets no fault")
    fault = {key: value for key, value in arguments.items() if key != "at"}
    if "kind" not in fault:
        raise NotTakenError("a fault that is set by a call has a `kind`")
    name = str(fault.get("id") or fault["kind"])[:100]
    return Step("ours", name, fault)
