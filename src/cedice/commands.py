"""What each command of `cedice` does. Imports stand in the functions, so that `--help` need not wait for PyTorch; nor
need what is wrong with the arguments."""

import sys
from argparse import Namespace
from pathlib import Path

from cedice.errors import CediceError


def predict(given: Namespace) -> None:
    """Label scans."""
    from cedice.inference import header, released, results, scans

    file, (paths, left_out) = released.find(given.model), scans.find(given.scans)
    threshold = header.own_threshold(file) if given.threshold == "own" else given.threshold
    target = results.Results(given.out, file, given.overwrite, threshold)
    target.check({path: results.names(path, given.probabilities) for path in paths})
    if left_out:
        print(f"left out by their names, as results or masks: {len(left_out)} (first: {left_out[0]})", file=sys.stderr)

    import torch

    from cedice.inference import model_file, predict
    from cedice.training import hardware

    if given.device == "cuda" and not torch.cuda.is_available():
        raise CediceError("--device cuda: this machine has no CUDA GPU; use auto or cpu")
    device = torch.device("cpu") if given.device == "cpu" else hardware.device()
    hardware.tune()
    model, precision = model_file.load(file, device), hardware.precision("auto")
    predict.predict(model, paths, target, precision, given.probabilities)


def release(given: Namespace) -> None:
    """Make a model file and its card from a training."""
    from cedice import params
    from cedice.data import registry
    from cedice.data.grid import Grid
    from cedice.described import Files
    from cedice.inference import released
    from cedice.paths import Training

    project = params.load()
    params.check_name("study", given.study, params.STUDIES)
    study = project.study(given.study)
    params.check_name("dataset", given.dataset, tuple(study.epochs))
    params.check_name("loss", given.loss, params.LOSSES)
    params.check_name("seed", given.seed, tuple(str(seed) for seed in study.seeds_of(given.dataset)))
    if given.out.suffix != released.SUFFIX:
        raise CediceError(f"{given.out}: a model file's name ends in {released.SUFFIX}")
    described, training = project.datasets[given.dataset], Training(given.study, given.dataset, given.loss, int(given.seed))
    channel = described.channel if isinstance(described, Files) else None
    source, archive = registry.find(given.dataset, project.datasets), study.source.kind == "archive"
    grid = Grid(**study.grid_of(given.dataset).model_dump())

    from cedice.inference import release

    release.release(training, study.seeds_of(given.dataset), source, archive, channel, grid, given.out)
    print(f"{given.out} ({given.out.stat().st_size / 1e6:.1f} MB) and {given.out.with_suffix('.md')}")


def export(given: Namespace) -> None:
    """Write a model as ONNX."""
    from cedice.inference import released

    file = released.find(given.model)

    import torch

    from cedice.inference import export, model_file

    export.export(model_file.load(file, torch.device("cpu")), given.onnx)
    print(f"{given.onnx} ({given.onnx.stat().st_size / 1e6:.1f} MB)")


def evaluate(given: Namespace) -> None:
    """Hold label maps against the truth."""
    from cedice.evaluation import compare
    from cedice.files import write_csv

    out = given.out
    if out and out.suffix != ".csv":
        raise CediceError(f"{out}: the table's name ends in .csv")
    if out and out.exists() and not compare.is_table(out):
        raise CediceError(f"{out}: is there, and no table of `cedice evaluate`; choose another name")
    pairs, left_out = compare.pairs(given.labels, given.truth)
    table, warnings, failed = compare.evaluate(pairs)
    for kind, lines in (("warning", left_out + warnings), ("error", failed)):
        for line in lines:
            print(f"{kind}: {line}", file=sys.stderr)
    print(compare.told(table))
    if out:
        write_csv(out, table, float_format="%.6g")
    if failed:
        raise CediceError(f"{len(failed)} of {len(pairs)} pairs could not be evaluated; the table is of the others")


def check(given: Namespace) -> None:
    """Say what a data set holds and what is wrong with it."""
    from cedice import params
    from cedice.analysis.statistics import units_needed
    from cedice.analysis.verdict import STATEMENTS
    from cedice.data import check, registry
    from cedice.data.grid import Grid
    from cedice.data.slices import SIZE
    from cedice.files import save_figure
    from cedice.inference import outputs

    project = params.load()
    params.check_name("dataset", given.name, tuple(project.datasets))
    source = registry.find(given.name, project.datasets)
    studied = project.small if given.name in params.DATASETS else project.own
    known = not isinstance(studied.grid, dict) or given.name in studied.grid
    grid = Grid(**studied.grid_of(given.name).model_dump()) if known else Grid(SIZE)
    found = check.check(source, studied.split, units_needed(len(STATEMENTS)), grid)
    for line in found.lines:
        print(line)
    if found.slices:
        sheet, made = Path("data/check") / f"{given.name}.png", found.slices
        save_figure(outputs.preview(source.name, made.index["slice"], made.images, made.masks, source.classes), sheet)
        print(f"contact sheet: {sheet}")
    for line in found.warnings:
        print(f"warning: {line}")
    for line in found.problems:
        print(f"problem: {' '.join(line.split())}")
    if found.problems:
        raise CediceError(f"{given.name}: {len(found.problems)} problems; the pipeline would stop at the first")


def add(given: Namespace) -> None:
    """Propose a data set's entry in params.yaml, and write it."""
    from cedice import params, yaml12
    from cedice.data import hidden
    from cedice.data.propose import propose
    from cedice.pipeline import edit

    project = params.load()
    if given.new in project.datasets:
        raise CediceError(f"datasets.{given.new} is in params.yaml already; choose another name, or take that entry away")
    proposal = propose(given.folder, given.images, given.masks)
    entry = {"datasets": {given.new: proposal.entry}, "own": {"epochs": {given.new: proposal.epochs}}}
    if not project.own.epochs:
        entry["own"]["train"] = proposal.train
    print(yaml12.dump(entry), end="")
    for note in proposal.notes:
        print(f"note: {note}")
    if not given.yes and not _agreed("Write this into params.yaml? [y/N] "):
        print("params.yaml stays as it is")
        return
    edit.add_dataset(given.new, proposal.entry, proposal.epochs, proposal.train)
    if told := hidden.hide(given.folder):
        print(f"note: {told}")
    print(f"written into params.yaml; now: cedice data check {given.new}")


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def verify(_: Namespace) -> None:
    """Recompute what is reported."""
    from cedice.pipeline import verify

    broken = verify.verify(Path.cwd(), lambda line: print(line, flush=True))
    for line in broken:
        print(f"BROKEN: {line}", flush=True)
    if broken:
        raise CediceError(f"{len(broken)} of the reported results do not follow from what is here")
    print("all that is reported follows from what is here")
