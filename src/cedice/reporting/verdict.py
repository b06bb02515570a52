"""The verdict for people."""

import math

import pandas as pd

from cedice.analysis.verdict import leaning
from cedice.paper import figure_numbers, titles


def markdown(table: pd.DataFrame, study: str, synthetic: bool) -> str:
    """The verdict in plain words, a table, and what its columns mean."""
    named, numbers = titles(table["dataset"]), figure_numbers(table["dataset"])
    lines = [f"# The verdict, study `{study}`", ""]
    if synthetic:
        lines += ["> **Synthetic data**: generated phantoms. This shows that the pipeline works, nothing about the losses.", ""]
    for dataset, title in named.items():
        rows = table[table["dataset"] == dataset]
        lines.append(f"**{title}** ({rows['units'].max()} {rows['unit'].iloc[0]}s, {rows['seeds'].iloc[0]} seeds).")
        for verdict in ("confirmed", "contradicted", "not confirmed", "not measured"):
            if found := rows[rows["verdict"] == verdict]["statement"].to_list():
                lines[-1] += f" {verdict.capitalize()}: that the Dice term {', '.join(found)}."
        for side, what in ((1, "it"), (-1, "the contrary")):
            if found := [row["statement"] for row in rows.to_dict("records") if leaning(row) == side]:
                lines[-1] += f" Not confirmed, though these few trainings agree on {what}: {', '.join(found)}."
        lines.append("")
    heads = [
        "data",
        "the Dice term …",
        "verdict",
        "CE + DL less CE",
        "95 % interval",
        "p (Holm)",
        "detectable",
        "these trainings: 95 % interval",
        "these trainings: p (Holm)",
        "n",
        "seeds of this sign",
        "the paper",
        "figure",
    ]
    lines += ["| " + " | ".join(heads) + " |", "| " + " | ".join(["---"] * len(heads)) + " |"]
    for row in table.to_dict("records"):
        cells = [
            named[row["dataset"]],
            row["statement"],
            f"**{row['verdict']}**",
            *_numbers(row),
            f"{row['units']} {row['unit']}s",
            f"{row['agreeing']} of {row['seeds']}",
            "–" if pd.isna(row["paper"]) else f"{row['paper']:+.4f}",
            str(numbers[row["dataset"]][row["measure"]]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    last = max(number for each in numbers.values() for number in each.values())
    return "\n".join([*lines, "", _ABOUT.format(last=last)])


def _numbers(row: dict[str, float]) -> list[str]:
    """Of the six columns from the difference on."""
    over_all = [f"{row['low']:+.4f} … {row['high']:+.4f}", f"{row['p']:.3g}", f"{row['detectable']:.4f}"]
    of_these = [f"{row['boot_low']:+.4f} … {row['boot_high']:+.4f}", f"{row['p_units']:.3g}"]
    mean = "–" if math.isnan(row["mean"]) else f"{row['mean']:+.4f}"
    return [
        mean,
        *(["–"] * 3 if math.isnan(row["p"]) else over_all),
        *(["–"] * 2 if math.isnan(row["p_units"]) else of_these),
    ]


_ABOUT = """Differences patient by patient (slice by slice where patients are unknown; n of them) and seed by seed: foreground
Dice and IoU, pixel error, surface Dice at 2, Dice of targets below 400 pixels. The first interval and p ask whether other
trainings would show it on other patients: both are samples, and crossed (two-way analysis of variance with random effects,
Hillis 2007); of a single training they say nothing. The second ask it of other patients for these very trainings: bootstrap,
and Wilcoxon's signed-rank. Each p is corrected by Holm over all rows. Confirmed or contradicted: both p are below 0.05.
`detectable` is the difference that would have been found with 80 % power, so that "not confirmed" says how much could have been
overlooked. The paper's differences are of its own average (Table 1), from one run a row. Figures 4 to {last} lie under
`figures/`.
"""
