"""Learning rates in words: how they were chosen, and that the losses have their own."""

import pandas as pd

from cedice.evaluation.runs import Runs
from cedice.paper import LOSS_TITLES, titles
from cedice.reporting.markdown import number, table, title, wrapped


def compared(runs: Runs) -> str:
    """A sentence, with a space before it, where the losses were not trained at one learning rate; else nothing."""
    rates = {LOSS_TITLES.get(loss, loss): run.record["settings"].get("learning_rate") for (_, loss, _), run in runs.items()}
    if len(set(rates.values())) == 1:
        return ""
    told = ", ".join(f"{loss} {rate:g}" for loss, rate in rates.items())
    return f" The losses have learning rates of their own ({told}), which are compared with them."


def _edge(trained: pd.DataFrame, chosen: dict[str, float]) -> str:
    """A sentence, with a space before it, where a loss took the lowest or the highest rate of all."""
    ends = {trained["learning_rate"].min(), trained["learning_rate"].max()}
    names = " and ".join(LOSS_TITLES[loss] for loss, rate in chosen.items() if rate in ends)
    return f" The rate of {names} lies at the edge of those that were tried: a better one may lie beyond." if names else ""


def markdown(trained: pd.DataFrame, chosen: dict[str, float], measure: str, study: str) -> str:
    """`rates.md`: the foreground Dice, ``measure``, of each training in ``trained`` (dataset, loss, learning_rate), the mean
    over data sets, and the ``chosen`` rate of each loss."""
    named = titles(trained["dataset"])
    lines = [*title("Learning rates", study, False)]
    lines.append(f"**{', '.join(f'{LOSS_TITLES[loss]} {rate:g}' for loss, rate in chosen.items())}.**")
    lines += [
        "",
        wrapped(
            "The rate of each loss is the one with the highest foreground Dice of the averaged network after the last epoch, "
            f"as a mean over {' and '.join(named.values())}; of equal ones it is the lower. Data sets that are not named here "
            "take these rates. Each number is from one training, seed 0, on patients that train in fold 0: every fifth of them "
            "validated, the others trained. Nobody who validates in fold 0 had a say; who validates in another fold may have. "
            f"Rates whose numbers are close are not told apart by one training.{_edge(trained, chosen)} All of them together "
            f"took {trained['minutes'].sum() / 60:.1f} hours on {' and '.join(dict.fromkeys(trained['device']))}."
        ),
        "",
    ]
    rows = []
    for (loss, rate), group in trained.groupby(["loss", "learning_rate"]):
        values = group.set_index("dataset")[measure]
        cells = [number(value) for value in (*(values[name] for name in named), values.mean())]
        rows.append([LOSS_TITLES[loss], f"{rate:g}", *cells, "chosen" if chosen[loss] == rate else ""])
    lines += table(["loss", "learning rate", *named.values(), "mean", ""], rows)
    return "\n".join(lines) + "\n"
