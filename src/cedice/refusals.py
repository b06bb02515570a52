"""What is wrong with parameters that pydantic refused, in one line and in the words of `params.yaml`."""

import reprlib
from typing import Any

from pydantic import ValidationError

from cedice.errors import meant

_MUST = {  # by pydantic's kind of error; in braces what the error knows of the limits
    "bool_type": "be true or false",
    "dict_type": "be a group of keys",
    "finite_number": "be a finite number",
    "float_type": "be a number",
    "greater_than": "be above {gt:.12g}",
    "greater_than_equal": "be {ge:.12g} or more",
    "int_from_float": "be a whole number",
    "int_type": "be a whole number",
    "less_than": "be below {lt:.12g}",
    "less_than_equal": "be {le:.12g} or less",
    "list_type": "be a list in brackets",
    "literal_error": "be {expected}",
    "model_attributes_type": "be a group of keys",
    "model_type": "be a group of keys",
    "string_too_short": "not be empty",
    "string_type": "be text, in quotes",
    "string_unicode": "be UTF-8: rename what it names",
    "too_long": "have at most {max_length} entries",
    "too_short": "have at least {min_length} entries",
    "union_tag_invalid": "be one of {expected_tags}",
}
_SHORT = reprlib.Repr()  # since a list of aliases to lists of aliases can be endless
_SHORT.maxlevel, _SHORT.maxstring = 2, 60


def told(error: ValidationError, given: Any, known: set[str]) -> str:
    """The key and what it must be. Of several problems the first, but an unknown key before the one that lacks for it: the user
    wrote it. ``given``: what was validated. ``known``: all keys that there are, for what was meant."""
    problems = error.errors(include_url=False)
    problem = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    keys = _keys(problem, given)
    where, others = ".".join(keys), {tuple(_keys(each, given)) for each in problems} - {tuple(keys)}
    if problem["type"] == "extra_forbidden":
        lacking = [_keys(each, given) for each in problems if _is_missing(each)]
        near = [names[-1] for names in lacking if names[:-1] == keys[:-1]]
        close = meant(keys[-1], near) or meant(keys[-1], known - {keys[-1]})
        if close:
            return f"{where}: unknown key{close}"
        said = "unknown key"
    elif _is_missing(problem):
        said = "missing key"
    else:
        said = _said([each for each in problems if _keys(each, given) == keys])
    more = f" (and {len(others)} more)" if others else ""
    return f"{where}: {said}{more}" if where else f"{said}{more}"


def _said(problems: list[Any]) -> str:
    """Of one key; a value that may be of several kinds has a problem with each."""
    ways = [_MUST[each["type"]].format(**each.get("ctx", {})) for each in problems if each["type"] in _MUST]
    if not ways:
        return problems[0]["msg"].removeprefix("Value error, ")
    value, must = problems[0]["input"], f"must {' or '.join(dict.fromkeys(ways))}"
    if problems[0]["type"] == "union_tag_invalid":
        value = problems[0]["ctx"]["tag"]
    if value is None:
        return f"{must}, and is empty"
    return must if isinstance(value, dict) else f"{must}, not {_shown(value)}"


def _keys(problem: Any, given: Any) -> list[str]:
    """Where in the file it is. Of the parts of pydantic's location those that the file does not have are names of kinds."""
    *parents, last = problem["loc"] or [""]
    keys, node = [], given
    for part in parents:
        if _has(node, part):
            keys.append(str(part))
            node = node[part]
    if last == "[key]":
        return [*keys[:-1], _shown(problem["input"]).strip("'")]
    if _has(node, last) or _is_missing(problem):
        keys.append(str(last))
    if problem["type"].startswith("union_tag"):
        keys.append(problem["ctx"]["discriminator"].strip("'"))
    return keys


def _has(node: Any, part: int | str) -> bool:
    return part in node if isinstance(node, dict) else isinstance(node, list) and isinstance(part, int)


def _is_missing(problem: Any) -> bool:
    return problem["type"] in ("missing", "union_tag_not_found")


def _shown(value: Any) -> str:
    """As YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else _SHORT.repr(value)
