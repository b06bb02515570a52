"""Segment the validation slices by a mixture of Gaussians, not trained on labels; write counts, choice and five samples."""

import numpy as np

from cedice import paths
from cedice.data import slices
from cedice.errors import CediceError
from cedice.evaluation.counts import pooled_headline
from cedice.evaluation.tabulate import tabulate
from cedice.files import replacing, save_figure, write_csv, write_json
from cedice.mixture.model import named_by_labels, named_by_rule
from cedice.paper import titles
from cedice.pipeline.stage import Job, run
from cedice.reporting.samples import choose, counted, predictions


def write(job: Job) -> None:
    naming, options, classes = job.given["naming"], job.params.mixture, len(job.classes(job.dataset))
    seed = job.settings.seeds_of(job.dataset)[0]  # where there are folds, its own
    data = slices.load(*paths.slices(job.study, job.dataset))
    training, validation = data.rows("train", seed), data.part("val", seed)
    if naming == "labels":
        tried = named_by_labels(data.images[training], data.masks[training], classes, options.candidates, options.pixels)
    else:
        tried = [named_by_rule(data.images[training], _rule(job, classes), options.pixels)]
    mixture = tried[0]
    labels = np.stack([mixture.predict(image) for image in validation.images])
    counts = tabulate(labels, validation.masks, validation.index, classes)
    values = {name: value["dice"] for name, value in pooled_headline(counts).items()}
    name = titles([job.dataset])[job.dataset]
    told = f"{job.title(name)}, a mixture named by {'the training labels' if naming == 'labels' else 'brightness alone'}"
    with replacing(paths.mixture(job.study, job.dataset, naming), folder=True) as new:
        write_csv(new / "counts.csv", counts)
        write_json(new / "choice.json", [each.described() for each in tried])
        title = f"{counted([len(choose(validation))])}, no network: {told} ({job.note})"
        save_figure(predictions({job.dataset: validation}, {job.dataset: labels}, title), new / "samples.jpg")
    print(f"{told}: {len(mixture.labels)} components of {', '.join(mixture.names)}, Dice foreground {values['foreground']:.4f}")


def _rule(job: Job, classes: int) -> list[int]:
    rule = job.params.mixture.rules.get(job.dataset)
    if rule is None:
        raise CediceError(f"params.yaml: mixture.rules has no rule for {job.dataset}; give the labels from dark to bright")
    if max(rule) >= classes:
        raise CediceError(f"params.yaml: mixture.rules.{job.dataset} names label {max(rule)}; the last one is {classes - 1}")
    return rule


if __name__ == "__main__":
    run(write, "dataset", "naming")
