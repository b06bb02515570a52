"""Markdown that says what it is meant to say, to the parser that pages are made with."""

import random

from markdown_it import MarkdownIt

from cedice.reporting.markdown import wrapped


def test_a_paragraph_stays_one_paragraph_wherever_its_lines_break():
    words = random.Random(0)
    marks = ["+", "-", "*", ">", "#", "##", "1.", "2)", "+ -", "CE + DL"]
    for _ in range(300):
        text = " ".join(["Text", *(words.choice([*marks, "x" * words.randint(1, 12)]) for _ in range(60)), "end"])
        lines = wrapped(text).splitlines()
        assert " ".join(lines) == text
        assert len(lines) > 1
        rendered = MarkdownIt("commonmark", {"html": True}).disable("emphasis").render("\n".join(lines))
        assert rendered.count("<") == 2, rendered  # <p> and </p>
