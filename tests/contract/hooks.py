"""Lets schemathesis ask past the limits of one person and of one address, and mostly about an event
that is there.

Every request of somebody with a token is sent with the next of several owners' tokens, and every
request comes from the next address, which a node believes of whoever stands before it on the same
machine. What schemathesis sends to be refused is sent as it is; of the rest, seven of eight requests
are about the node's own event, and every other one about stages, shooters and entries that it has.
"""

import collections

import itertools
import os

import schemathesis

TOKENS = itertools.cycle(os.environ.get("CONTRACT_TOKENS", "").split() or [""])
NUMBERS = itertools.count(1)
REPORTS = itertools.cycle(
    "sheet progress penalties chrono audit missing day compliance court race".split()
)
FORMATS = itertools.cycle("bundle jsonl csv psc miff report registration".split())
KNOWN = {
    "drill": 1, "shooter": 2, "race": 3, "bib": 2, "side": 1, "squad": 1,
    "place": "Gate 12", "to": "Owner",
}
SAID = collections.defaultdict(lambda: collections.deque(maxlen=50))


def settle(value):
    """Puts what the event has in the place of anything else."""
    if isinstance(value, dict):
        return {key: settled(key, it) for key, it in value.items()}
    if isinstance(value, list):
        return [settle(it) for it in value]
    return value


def settled(key, value):
    known = KNOWN.get(key)
    if known is not None and type(value) is type(known):
        return known
    if SAID.get(key) and isinstance(value, str):
        SAID[key].rotate()
        return SAID[key][0]
    if key == "entries" and SAID.get("entry"):
        return [SAID["entry"][-1]]
    return settle(value)


def note(value):
    """Keeps the names of what the node has saved."""
    if isinstance(value, dict):
        for key, it in value.items():
            if key in ("entry", "incident", "grant") and isinstance(it, str):
                SAID[key].append(it)
            note(it)
    elif isinstance(value, list):
        for it in value:
            note(it)


def is_to_be_refused(case):
    meta = getattr(case, "meta", None)
    return meta is None or meta.generation.mode.is_negative


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(NUMBERS)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    token = next(TOKENS)
    if token:
        case.headers["Authorization"] = f"Bearer {token}"
    if is_to_be_refused(case):
        return
    path = case.path_parameters
    if number % 8:
        for name in ("e", "c"):
            if name in path:
                path[name] = "-"
        if isinstance(case.query, dict):
            case.query.pop("event", None)
    if number % 2:
        if "m" in path:
            path["m"] = "1"
        if "kind" in path and "reports" in case.path:
            path["kind"] = next(REPORTS)
        if isinstance(case.query, dict) and "format" in case.query:
            case.query["format"] = next(FORMATS)
        case.body = settle(case.body)


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and "json" in response.headers.get("content-type", [""])[0]:
        try:
            note(response.json())
        except ValueError:
            pass
