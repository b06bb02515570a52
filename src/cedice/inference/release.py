"""Turn a study's trained network into a model file to be handed on, with a card that says what it is."""

from dataclasses import asdict
from pathlib import Path

import torch

from cedice import paths
from cedice.data import slices
from cedice.data.source import Source
from cedice.errors import CediceError
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.evaluate import evaluate
from cedice.evaluation.runs import Run, values
from cedice.files import md5, write_text
from cedice.inference import model_file
from cedice.metrics import CONVENTIONS, METRICS
from cedice.paper import METRIC_TITLES
from cedice.paths import Training
from cedice.training import weights
from cedice.training.forward import Tensors


def release(training: Training, seeds: list[int], source: Source, target: Path) -> None:
    """Write the model file ``target`` and its card beside it (.md) from a finished training.

    The card's first column is measured with the file itself, half precision and all, on the validation slices. ``seeds``: those
    of the study; ``source``: the data set's. CediceError where weights, slices or reports are missing.
    """
    study, dataset, loss, _ = training
    for path in (paths.weights(training), *paths.slices(study, dataset)):
        if not path.is_file():
            raise CediceError(f"{path} is not here; run the study first (dvc repro table@{study})")
    file = paths.weights(training)
    network, header = weights.load(file, torch.device("cpu"))
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
    model = model_file.Model(network, source.classes, source.intensity, slices.SIZE, made_from)
    model_file.save(target, model, header["network"])
    data = slices.load(*paths.slices(study, dataset))
    val = data.rows("val")
    tensors = Tensors.of(data.images, data.masks, torch.device("cpu")).part(val)
    released = model_file.load(target, torch.device("cpu")).network
    counts, _ = evaluate(released, tensors, data.index.iloc[val], len(source.classes), "float32")
    found = pooled_headline(counts)
    released_values = {f"{metric}_{name}": found[name][metric] for name in CONVENTIONS for metric in METRICS}
    trainings = [training._replace(seed=seed) for seed in seeds]
    trained = {each.seed: values(Run.of(each), str(each)) for each in trainings}
    record = Run.of(training).record
    write_text(target.with_suffix(".md"), _card(model, source, header, record, released_values, trained, len(val)))


def _card(
    model: model_file.Model,
    source: Source,
    header: dict,
    record: dict,
    released: dict[str, float],
    trained: dict[int, dict[str, float]],
    count: int,
) -> str:
    origin = model.made_from
    others = torch.tensor([list(each.values()) for each in trained.values()], dtype=torch.float64)
    mean = dict(zip(released, others.mean(dim=0).tolist(), strict=True))
    spread = dict(zip(released, others.std(dim=0).tolist(), strict=True)) if len(trained) > 1 else None
    parameters = sum(each.numel() for each in model.network.parameters())
    lines = [
        f"# {source.name}: {', '.join(model.classes[1:])}",
        "",
        f"A U-Net of {header['base_channels']} base channels ({parameters:,} parameters), trained with "
        f"CE + {header['alpha']:g} · Dice for {header['epochs']} epochs, seed {header['seed']}, in study `{origin['study']}` "
        f"of this project, on {record['device']}, torch {record['versions']['torch']}, revision {record['revision'][:10]}.",
        "",
        f"- **Input**: slices of {model.size}×{model.size}, {_intensity(asdict(model.intensity))}.",
        f"- **Output**: {', '.join(f'{label} {name}' for label, name in enumerate(model.classes))}.",
        f"- **Data**: {source.citation} {source.licence} The network is handed on under the same terms.",
        f"- **Protocol**: {count} validation slices that it was not trained on ({source.split}), 2-D, counts pooled over them.",
        f"- **This seed** is one of {len(trained)}. If it was picked for its numbers, these flatter: they are of the very "
        "slices that it was picked by. The mean ± standard deviation over the seeds says what to expect.",
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


def _intensity(rule: dict) -> str:
    if rule["kind"] == "percentiles":
        return f"grey values from the {rule['low']:g} to the {rule['high']:g} percentile of the volume as 0–255"
    return f"{rule['low']:g} to {rule['high']:g} HU as 0–255; what lies in 0–255 already is taken as it is"
