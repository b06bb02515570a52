"""A pattern of paths, as `params.yaml` describes a person's own files (`cedice.data.sources.folder` says what it may hold)."""

import re

from cedice.data.walk import composed

_TOKENS = re.compile(r"(\{[a-z]+\}|\*\*/|\*)")
_SUFFIX = re.compile(r"(?:\.[A-Za-z0-9]+)+$")
_STARS = {"**/": "(?:[^/]+/)*", "*": "[^/]*"}

Fields = dict[str, str]


class Pattern:
    """``fields``: the names in braces. Letters are compared in Unicode's composed form, the file's ending without case."""

    def __init__(self, text: str):
        self.text = text
        self._tokens = _TOKENS.split(composed(text))
        self._expression = re.compile("".join(self._parts()))
        self.fields = frozenset(name for name in self._expression.groupindex if not name.startswith("_"))

    def _parts(self) -> list[str]:
        seen: set[str] = set()
        parts = []
        for number, token in enumerate(self._tokens):
            if token.startswith("{"):
                name = token[1:-1]
                parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+?)")
                seen.add(name)
            elif token in _STARS:
                parts.append(f"(?P<_{number}>{_STARS[token]})")
            else:
                suffix = _SUFFIX.search(token) if number == len(self._tokens) - 1 else None
                end = suffix.start() if suffix else len(token)
                parts.append(re.escape(token[:end]) + f"(?i:{re.escape(token[end:])})")
        return parts

    def match(self, name: str) -> Fields | None:
        """What the fields stand for in the path ``name``; None where it does not fit."""
        match = self._expression.fullmatch(name)
        return {field: match[field] for field in sorted(self.fields)} if match else None

    def filled(self, fields: Fields) -> str:
        """The pattern with ``fields`` in it, as a person would look for the file."""
        return "".join(fields[token[1:-1]] if token.startswith("{") else token for token in self._tokens)

    def narrowed(self, name: str, other: str) -> str:
        """The pattern that ``name`` fits and ``other`` does not, of two that fit; "" where there is none."""
        first, second = self._expression.fullmatch(name), self._expression.fullmatch(other)
        pieces = [
            first[f"_{number}"] if token in _STARS and first[f"_{number}"] != second[f"_{number}"] else token
            for number, token in enumerate(self._tokens)
            if first and second
        ]
        text = "".join(pieces)
        return text if text != composed(self.text) else ""
