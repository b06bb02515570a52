"""Figures: the same bytes every time, the same slices for both losses, the network as it is."""

import itertools

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cedice import files
from cedice.analysis.verdict import STATEMENTS
from cedice.data.slices import Slices
from cedice.evaluation.runs import Run
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import TABLE_1
from cedice.paths import READOUTS
from cedice.reporting import figures, samples
from cedice.reporting.forest import forest
from cedice.reporting.network import network

NETWORK = {"in_channels": 1, "out_channels": 4, "base_channels": 4, "depth": 3, "norm": "batch", "padding": "same"}


def val(count: int, classes: int) -> Slices:
    """Slices whose foreground grows with their number; the first has none."""
    masks = np.zeros((count, 256, 256), np.uint8)
    for number in range(count):
        masks[number, :number] = 1 + number % (classes - 1)
    images = np.random.default_rng(0).integers(0, 256, masks.shape, dtype=np.uint8)
    return Slices(images, masks, pd.DataFrame({"slice": [f"s{number}" for number in range(count)]}))


def judged() -> pd.DataFrame:
    """A verdict's table of two data sets, one of them with one training."""
    means = {"dice": 0.05, "iou": 0.06, "pixel_error": -0.002, "border": -0.1, "small_targets": np.nan}
    verdicts = {"acdc": "confirmed", "mine": "not testable"}
    rows = []
    for (dataset, verdict), (measure, mean) in itertools.product(verdicts.items(), means.items()):
        half = 0.01 if verdict == "confirmed" else np.nan
        row = {
            "dataset": dataset,
            "measure": measure,
            "statement": STATEMENTS[measure][0],
            "unit": "patient",
            "units": 5,
            "mean": mean,
            "paper": np.nan,
        }
        row |= {"low": mean - half, "high": mean + half, "verdict": "not measured" if np.isnan(mean) else verdict}
        row |= {"error": half / 2.776, "freedom": 4.0 if half > 0 else np.nan, "margin": 0.02}
        rows.append(row)
    rows[0]["paper"] = 0.0164
    return pd.DataFrame(rows).assign(readout="last")


def drawn():
    validation = {"acdc": val(20, 4), "covid19": val(9, 2)}
    labels = {dataset: np.roll(part.masks, 3, axis=1) for dataset, part in validation.items()}
    columns = {f"{metric}_{convention}": np.linspace(0.1, 0.9, 4) for metric in METRICS for convention in CONVENTIONS}
    history = pd.DataFrame({"epoch": range(1, 5), **columns})
    histories, alphas = {"ce": [history] * 2, "ce_dl": [history]}, {"ce": "0", "ce_dl": "1"}
    yield network(NETWORK, 256)
    yield samples.predictions(validation, labels, "predictions")
    yield figures.curves({"last": histories, "averaged": histories}, alphas, "curves", TABLE_1["acdc"])
    profile = pd.DataFrame({"distance": [-1, 1], "pixels": [10, 0], "errors": [5, 0]})
    yield figures.errors({dataset: {"ce": [profile] * 2, "ce_dl": [profile]} for dataset in validation}, alphas, "errors")
    means = {f"{loss}_{kind}": [0.5, 0.8] for loss in alphas for kind in ("mean", "std")}
    rows = [
        pd.DataFrame({"dataset": name, "pixels": ["1–24", "1600 and more"], "n": 3, "measure": "dice", **means})
        for name in validation
    ]
    yield figures.sizes(pd.concat(rows), alphas, "sizes")
    yield forest(judged(), "verdict")
    runs = {0: Run(None, history, {}), 1: Run(None, history + 0.01, {})}
    yield figures.response(
        {kind: {name: {0.0: runs, 1.0: {0: runs[0]}} for name in validation} for kind in READOUTS}, "response"
    )


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    for number, (first, again) in enumerate(zip(drawn(), drawn(), strict=True)):
        paths = [tmp_path / f"{number}{letter}.png" for letter in "ab"]
        for figure, path in zip((first, again), paths, strict=True):
            files.save_figure(figure, path)
        assert paths[0].read_bytes() == paths[1].read_bytes()
        with Image.open(paths[0]) as image:
            assert not {"Software", "Author", "Title"} & set(image.info)
            assert len(image.convert("L").histogram()) - image.convert("L").histogram().count(0) > 20  # not blank


def test_samples_are_evenly_spaced_ranks_of_size_and_never_empty():
    assert samples.choose(val(20, 4)) == [4, 7, 10, 13, 16]


@pytest.mark.parametrize(("count", "shown"), [(2, [1]), (5, [1, 2, 3, 4]), (7, [1, 2, 3, 5, 6]), (8, [2, 3, 4, 5, 6])])
def test_of_few_slices_none_is_shown_twice(count, shown):
    part = val(count, 2)  # the first is empty
    assert samples.choose(part) == shown
    figure = samples.predictions({"mine": part}, {"mine": part.masks}, "t")
    assert len(figure.axes) == 3 * len(shown)


def test_a_data_set_with_fewer_slices_leaves_places_empty_and_the_words_say_so():
    both = {"acdc": val(20, 4), "mine": val(4, 2)}
    figure = samples.predictions(both, {name: part.masks for name, part in both.items()}, "t")
    assert [len(axes.images) for axes in figure.axes[15:20]] == [1, 1, 1, 0, 0]
    assert samples.counted([20, 3]) == "3 to 5 validation slices"
    assert [samples.counted([number]) for number in (1, 4, 9)] == [
        "One validation slice",
        "Four validation slices",
        "Five validation slices",
    ]


def test_the_network_figure_shows_measured_shapes():
    texts = [text.get_text() for text in network(NETWORK, 256).axes[0].texts]
    assert texts[0:2] == ["1", "256×256"]
    assert [texts[index] for index in range(2, 10, 2)] == ["4", "8", "16", "32"]
    assert texts[9] == "32×32"
    valid = network(NETWORK | {"padding": "valid"}, 256).axes[0].texts
    assert valid[3].get_text() == "344×344"  # 348 in, mirrored, less two unpadded convolutions


@pytest.mark.parametrize("with_paper", [True, False])
def test_the_papers_lines_stand_only_beside_real_data(with_paper):
    history = pd.DataFrame({"epoch": [1], **{f"{m}_{c}": [0.5] for m in METRICS for c in CONVENTIONS}})
    both = {"ce": [history], "ce_dl": [history]}
    figure = figures.curves({"last": both}, {"ce": "0", "ce_dl": "1"}, "t", TABLE_1["acdc"] if with_paper else None)
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in dotted] == ([0.9090, 0.9213] if with_paper else [])


def test_a_curve_is_the_mean_of_the_seeds_and_its_band_reaches_to_the_extremes():
    columns = [f"{metric}_{convention}" for metric in METRICS for convention in CONVENTIONS]
    seeds = [pd.DataFrame({"epoch": [1, 2], **{name: [value, 0.5] for name in columns}}) for value in (0.1, 0.2, 0.6)]
    axes = figures.curves({"last": {"ce": seeds, "ce_dl": seeds[:1]}}, {"ce": "0", "ce_dl": "1"}, "t", None).axes[0]
    assert axes.lines[0].get_ydata() == pytest.approx([0.3, 0.5])
    bands = [band.get_paths()[0].get_extents() for band in axes.collections]
    assert [(band.y0, band.y1) for band in bands] == [(0.1, 0.6)] * 2  # of CE alone, in both conventions


def test_the_forest_shows_differences_intervals_and_the_paper_and_better_lies_to_the_right():
    above, other, below, _ = forest(judged(), "a test").axes
    assert [line.get_xdata()[0] for line in above.lines if line.get_marker() == "D"] == [0.0164]
    assert [line.get_xdata()[0] for line in above.lines if line.get_marker() == "o"] == pytest.approx([0.05, 0.06, -0.1])
    assert below.get_xlim()[0] > 0 > -0.002 > below.get_xlim()[1]  # less pixel error is better
    labels = [label.get_text() for label in above.get_yticklabels()]
    assert labels[0] == "raises Dice\n+0.050 (+0.040 … +0.060)"
    assert labels[3] == "is better on small targets\nnot measured"
    assert not other.collections  # one training has no interval, and no margin to be within
    thick = next(line for line in above.lines if line.get_linewidth() == 4)
    reach = 0.01 * 2.1318 / 2.7764  # t with 4 degrees of freedom: of 90 % and of 95 %
    assert thick.get_xdata() == pytest.approx([0.05 - reach, 0.05 + reach], abs=1e-5)


def test_the_drawn_network_sets_the_axis_and_what_leaves_it_ends_in_an_arrow():
    """As with two trainings: the last epoch's interval of pixel error ran from −1 to +1, and the others were dots."""
    averaged, last = judged().assign(readout="averaged"), judged()
    wide = last["measure"].isin(["border", "pixel_error"])
    last.loc[wide, ["low", "high"]] = [-1.3, 1.6]
    endless = averaged["measure"] == "iou"
    averaged.loc[endless, ["low", "high", "freedom"]] = [-np.inf, np.inf, 0.15]
    above, _, below, _ = forest(pd.concat([averaged, last]), "a test").axes
    room = 0.08 * (0.06 + 0.11)  # from −0.11, of the borders, to 0.06
    assert above.get_xlim() == pytest.approx((-0.11 - room, 0.06 + room))
    arrows = [
        [(line.get_marker(), round(float(line.get_ydata()[0]), 2)) for line in axes.lines if line.get_marker() in "<>"]
        for axes in (above, below)
    ]
    assert arrows == [[("<", 1), (">", 1), ("<", 2.28), (">", 2.28)], [(">", 0.28), ("<", 0.28)]]
    for line in below.lines:
        assert np.abs(line.get_xdata()).max() < 0.03


def test_the_last_epoch_lies_thin_below_the_averaged_network_and_the_paper_beside_it_alone():
    averaged = judged().assign(readout="averaged")
    averaged[["mean", "low", "high"]] *= 0.8
    both = pd.concat([judged(), averaged])
    above = forest(both, "a test").axes[0]
    assert [line.get_xdata()[0] for line in above.lines if line.get_marker() == "o"] == pytest.approx([0.04, 0.048, -0.08])
    thin = next(line for line in above.lines if line.get_color() == "#999999" and line.get_marker() == "|")
    assert thin.get_xdata()[0] == 0.05
    history = pd.DataFrame({"epoch": [1], **{f"{m}_{c}": [0.5] for m in METRICS for c in CONVENTIONS}})
    losses = {"ce": [history], "ce_dl": [history]}
    figure = figures.curves({"last": losses, "averaged": losses}, {"ce": "0", "ce_dl": "1"}, "t", TABLE_1["acdc"])
    dotted = [[line for line in axes.lines if line.get_linestyle() == ":"] for axes in figure.axes]
    assert [len(lines) for lines in dotted] == [2, 2, 2, 0, 0, 0]


def test_title_and_legend_of_a_single_data_set_lie_within_the_picture():
    for datasets in (["acdc"], ["acdc", "mine"]):
        both = pd.concat([judged(), judged().assign(readout="averaged")])
        figure = forest(both[both["dataset"].isin(datasets)], "study outlook")
        figure.draw_without_rendering()
        for written in (figure._suptitle, *figure.legends):
            box = written.get_window_extent()
            assert 0 <= box.x0 < box.x1 <= figure.bbox.x1


@pytest.mark.parametrize("name", ["a$_{1^$b $x$ a_b^c 100 %", r"a\\b"])
def test_figures_take_any_name(tmp_path, name):
    history = pd.DataFrame({"epoch": [1], **{f"{m}_{c}": [0.5] for m in METRICS for c in CONVENTIONS}})
    profile = pd.DataFrame({"distance": [-1, 1], "pixels": [10, 0], "errors": [5, 0]})
    both, alphas, part = {"ce": [history], "ce_dl": [history]}, {"ce": "0", "ce_dl": "1"}, val(9, 2)
    named = Slices(part.images, part.masks, part.index.assign(slice=name))
    made = [
        figures.curves({"last": both}, alphas, name, None),
        figures.errors({name: {"ce": [profile], "ce_dl": [profile]}}, alphas, name),
        samples.predictions({name: named}, {name: part.masks}, name),
        forest(judged().assign(dataset=lambda table: table["dataset"].replace("mine", name)), name),
    ]
    for figure in made:
        files.save_figure(figure, tmp_path / "a.png")
