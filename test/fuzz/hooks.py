"""What Schemathesis is told about this API: see test/fuzz/run.ts."""

import atexit
import collections
import json
import os
import re

import schemathesis

# The error codes that JSON Schema can express. A request that the document allows must not be refused with one of these.
# All other codes are about things that it cannot express: a cron expression, a time zone, an instant in the past.
SAID_BY_SCHEMA = {
    "required",
    "unknown_field",
    "invalid_type",
    "invalid_value",
    "invalid_format",
    "invalid_union",
    "invalid_key",
    "not_multiple_of",
    "too_big",
    "too_small",
}

counts = collections.Counter()


@schemathesis.hook
def after_call(context, case, response):
    counts[(case.operation.label, response.status_code)] += 1


@schemathesis.check
def refusals_are_described(ctx, response, case):
    """A body that the document allows is refused only for what no schema can say."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # No schema of a patch can say whether the patched job is valid.
    if case.method == "PATCH":
        return
    # A null of an answer, such as the job of an audit entry about a key, becomes the id None of a linked request.
    if "None" in (case.path_parameters or {}).values() or None in (case.path_parameters or {}).values():
        return
    # If Schemathesis finds no valid value for a header, it sends 0 and treats it as valid.
    for parameter in case.operation.headers:
        pattern = parameter.definition.get("schema", {}).get("pattern")
        value = (case.headers or {}).get(parameter.name)
        if pattern and value is not None and not re.search(pattern, str(value)):
            return
    faults = [fault for fault in response.json().get("errors", []) if fault["code"] in SAID_BY_SCHEMA]
    if faults:
        raise AssertionError(f"The document allows what is refused: {json.dumps(faults, ensure_ascii=False)}")


@atexit.register
def report():
    path = os.environ.get("FUZZ_COUNTS")
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump([[*key, count] for key, count in sorted(counts.items())], file)
