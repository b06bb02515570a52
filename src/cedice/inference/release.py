"""Turn a study's trained network into a model file to be handed on, with a card that says what it is."""

from dataclasses import replace
from pathlib import Path

import torch

from cedice import paths
from cedice.data import slices
from cedice.data.grid import Grid
from cedice.data.intensity import Intensity
from cedice.data.source import Source
from cedice.described import Channel
from cedice.errors import CediceError
from cedice.evaluation import thresholds
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.evaluate import evaluate
from cedice.evaluation.native import Native
from cedice.evaluation.runs import load, values
from cedice.files import md5, replacing
from cedice.inference import model_file
from cedice.metrics import CONVENTIONS, METRICS
from cedice.networks import described
from cedice.paper import METRIC_TITLES
from cedice.paths import Training
from cedice.training import weights
from cedice.training.forward import Tensors

# Of data without headers: what the real archives' slices look like (docs/predict.md has what each orientation gives). Official
# ACDC's headers say the same, and the network loses half its Dice on slices turned otherwise; COVID-SemiSeg's slices have the
# breastbone at their left and the heart's apex at the bottom.
_ASSUMED_AXES = {"acdc": "LPS", "covid19": "PLS"}


def release(
    training: Training, seeds: list[int], source: Source, archive: bool, channel: Channel | None, grid: Grid, target: Path
) -> None:
    """Write the model file ``target`` and its card beside it (.md) from a finished training: of its
    averaged network. Both are written, or neither.

    The card's first column and the network's own threshold are measured with the file itself, half precision and all, on the
    validation slices. ``seeds``: those of the study; ``source``: the data set's; ``archive``: whether its real data were used;
    ``channel``: what was taken of its colour images; ``grid``: the study's. CediceError where weights, slices or reports are
    missing, and for a card's name that another file has.
    """
    study, dataset, loss, _ = training
    for path in (paths.weights(training), *paths.slices(study, dataset), paths.record(study) / dataset / "runs.json"):
        if not path.is_file():
            raise CediceError(f"{path} is not here; run the study first (make {study})")
    runs = load(paths.record(study), [dataset])["averaged"]
    if lacking := [seed for seed in seeds if (dataset, loss, seed) not in runs]:
        raise CediceError(f"{paths.record(study) / dataset} lacks {loss} seed {lacking[0]}; run the study first (make {study})")
    card = target.with_suffix(".md")
    if card.exists() and not target.exists():
        raise CediceError(f"{card}: no card of a model, since {target.name} is not there; choose another name")
    file = paths.weights(training)
    network, header = weights.load(file, torch.device("cpu"), "averaged")
    made_from = {
        "study": study,
        "dataset": dataset,
        "loss": loss,
        "alpha": header["alpha"],
        "seed": header["seed"],
        "epochs": header["epochs"],
        "weights_md5": md5(file.read_bytes()),  # as in dvc.lock
        "slices_sha256": header["slices_sha256"],
    }
    data = slices.load(*paths.slices(study, dataset))
    axes, assumed = _axes(set(data.index["axes"]), dataset, archive)
    kind = (
        source.classes,
        source.intensity,
        grid.size,
        made_from,
        axes,
        assumed,
        channel,
        grid.spacing,
        tuple(header["mirror_at_test"]),
    )
    model = model_file.Model(network, *kind)
    val = data.rows("val", training.seed)
    tensors = Tensors.of(data.images, data.masks, torch.device("cpu")).part(val)
    native = Native(grid, [data.native[number] for number in val], data.index.iloc[val]) if data.native else None
    trained = {seed: values(runs[dataset, loss, seed], str(training._replace(seed=seed))) for seed in seeds}
    record = runs[training.key].record
    split = f"fold {training.seed % slices.FOLDS} of {slices.FOLDS}" if "fold" in data.index else source.split
    with replacing(target) as new, replacing(card) as new_card:  # the card comes first: without its file it does no harm
        model_file.save(new, model, header["network"])
        released = model_file.load(new, torch.device("cpu")).network
        evaluated = evaluate(released, tensors, data.index.iloc[val], len(source.classes), "float32", native, model.mirror)
        own = thresholds.own(evaluated.thresholds)
        model_file.save(new, replace(model, own=own), header["network"])
        found = pooled_headline(evaluated.counts)
        released_values = {f"{metric}_{name}": found[name][metric] for name in CONVENTIONS for metric in METRICS}
        text = _card(model, own, source, header, record, released_values, trained, len(val), split)
        new_card.write_text(text, encoding="utf-8")


def _article(name: str) -> str:
    return f"{'An' if name[0] in 'aeio' else 'A'} {name}"


def _axes(stated: set[str], dataset: str, archive: bool) -> tuple[str, bool]:
    """(The axes of the slices, whether they are assumed), from all that the volumes' headers stated."""
    if stated != {""}:
        return (stated.pop() if len(stated) == 1 else ""), False
    assumed = _ASSUMED_AXES.get(dataset, "") if archive else ""
    return assumed, assumed != ""


def _card(
    model: model_file.Model,
    own: thresholds.Own,
    source: Source,
    header: dict,
    record: dict,
    released: dict[str, float],
    trained: dict[int, dict[str, float]],
    count: int,
    split: str,
) -> str:
    origin = model.made_from
    others = torch.tensor([list(each.values()) for each in trained.values()], dtype=torch.float64)
    mean = dict(zip(released, others.mean(dim=0).tolist(), strict=True))
    spread = dict(zip(released, others.std(dim=0).tolist(), strict=True)) if len(trained) > 1 else None
    parameters = sum(each.numel() for each in model.network.parameters())
    lines = [
        f"# {source.name}: {', '.join(model.classes[1:])}",
        "",
        f"{_article(described(header['network']))} ({parameters:,} parameters), trained with "
        f"CE + {header['alpha']:g} · Dice for {header['epochs']} epochs, seed {header['seed']}, in study `{origin['study']}` "
        f"of this project, on {record['device']}, torch {record['versions']['torch']}, revision {record['revision'][:10]}.",
        "",
        f"- **Input**: slices of {_pixels(model)}, {_intensity(model.intensity)}{_channel(model.channel)}.",
        f"- **Orientation**: {_orientation(model)}",
        f"- **Output**: {', '.join(f'{label} {name}' for label, name in enumerate(model.classes))}.",
        f"- **Data**: {source.citation} {source.licence} The network is handed on under the same terms.",
        f"- **Protocol**: {count} validation slices that it was not trained on ({split}), 2-D, counts pooled over them.",
        "- **Weights**: half precision. The numbers of this file are measured with them, those of all seeds in full precision.",
        _threshold(own, count),
        *_this_seed(origin["seed"], {seed: values["dice_foreground"] for seed, values in trained.items()}),
        "",
        "| | this file | all seeds |",
        "| --- | --- | --- |",
    ]
    for key, value in released.items():
        metric = next(name for name in METRICS if key.startswith(name))
        kind = key.removeprefix(f"{metric}_").replace("_", " ")
        if metric == "pixel_error" and kind != "foreground":
            continue
        title = METRIC_TITLES[metric] + ("" if metric == "pixel_error" else f", {kind}")
        lines.append(f"| {title} | {value:.4f} | {mean[key]:.4f}{f' ± {spread[key]:.4f}' if spread else ''} |")
    return "\n".join([*lines, "", "## Limits", "", *(f"- {limit}" for limit in source.limits), ""])


def _threshold(own: thresholds.Own, count: int) -> str:
    """Of a threshold chosen on so many slices."""
    units = f"{own.units} {'slices' if own.units == count else 'patients'}"
    return (
        f"- **Threshold**: 0.5, or, with `--threshold own`, {own.threshold:g}: of 0.05, 0.1 … 0.95 that of the highest "
        f"foreground Dice, {own.dice:.4f} against {own.dice_at_half:.4f} at 0.5 (means over {units}). It was chosen on the "
        "same validation slices, not on held-out data, which flatters it."
    )


def _this_seed(seed: int, dice: dict[int, float]) -> list[str]:
    if len(dice) == 1:
        return ["- **This seed** is the only one: how far the numbers vary from training to training is not known."]
    expected = "The mean ± standard deviation over the seeds says what to expect."
    if dice[seed] == max(dice.values()):
        return [
            f"- **This seed** is the best of {len(dice)} by foreground Dice, so the numbers of this file flatter: they are of "
            f"the very slices that say which is best. {expected}"
        ]
    rank = 1 + sum(value > dice[seed] for value in dice.values())
    return [f"- **This seed** is number {rank} of {len(dice)} by foreground Dice. {expected}"]


def _pixels(model: model_file.Model) -> str:
    shape = f"{model.size}×{model.size}"
    if model.spacing is None:
        return shape
    size = "their own size" if model.spacing == "native" else f"{model.spacing:g} mm"
    return f"{shape} pixels of {size}, cropped or padded about the centre; what lies beyond is called background"


def _intensity(rule: Intensity) -> str:
    if rule.kind == "percentiles":
        return f"grey values from the {rule.low:g} to the {rule.high:g} percentile of the volume as 0–255"
    if rule.low < 0:
        return f"{rule.low:g} to {rule.high:g} HU as 0–255; what lies in 0–255 already is taken as it is"
    if (rule.low, rule.high) == (0, 255):
        return "grey values 0 to 255 as they are"
    return f"grey values {rule.low:g} to {rule.high:g} as 0–255"


def _channel(channel: Channel | None) -> str:
    if channel is None:
        return ""
    return "; of images in colour the luminance" if channel == "grey" else f"; of images in colour the {channel} channel"


def _orientation(model: model_file.Model) -> str:
    if not model.axes:
        return "unknown, or not the same in all its slices: a scan is labelled as it is stored."
    toward = {"L": "left", "R": "right", "A": "front", "P": "back", "S": "head", "I": "feet"}
    columns, rows = (toward[letter] for letter in model.axes[:2])
    meaning = f"{model.axes}: a slice's left to right goes to the patient's {columns}, its top to bottom to the {rows}"
    if model.axes_assumed:
        meaning += ". An assumption: the data have no headers that say so"
    return f"{meaning}. A scan whose header says how it lies is turned to that, and its labels back."
