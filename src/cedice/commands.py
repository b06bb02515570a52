"""What each command of `cedice` does. Imports stand in the functions, so that `--help` need not wait for PyTorch."""

from argparse import Namespace
from pathlib import Path

from cedice.errors import CediceError


def predict(given: Namespace) -> None:
    """Label scans."""
    import pandas as pd
    import torch

    from cedice.data import reading
    from cedice.files import replacing
    from cedice.inference import model_file, outputs, predict, released
    from cedice.training import hardware

    file, scans = released.find(given.model), predict.find(given.scans)
    if given.device == "cuda" and not torch.cuda.is_available():
        raise CediceError("--device cuda: this machine has no CUDA GPU; use auto or cpu")
    device = torch.device("cpu") if given.device == "cpu" else hardware.device()
    hardware.tune()
    model, precision = model_file.load(file, device), hardware.precision("auto")
    found = []
    for path in scans:
        scan = reading.scan(path)
        labels, probabilities = predict.predict(model, scan, precision, given.probabilities)
        outputs.write(scan, labels, probabilities, model.classes, given.out)
        found.append(outputs.volumes(scan, labels, model.classes))
        sizes = [
            f"{name} {voxels} voxels" if pd.isna(ml) else f"{name} {ml:.1f} ml"
            for name, voxels, ml in found[-1][["class", "voxels", "ml"]].itertuples(index=False)
        ]
        print(f"{scan.name}: {', '.join(sizes)}", flush=True)
    with replacing(given.out / "volumes.csv") as new:
        pd.concat(found).to_csv(new, index=False, lineterminator="\n")


def release(given: Namespace) -> None:
    """Make a model file and its card from a training."""
    from cedice import params
    from cedice.data import registry
    from cedice.inference import release, released
    from cedice.paths import Training

    project = params.load()
    params.check_name("study", given.study, params.STUDIES)
    study = project.study(given.study)
    params.check_name("dataset", given.dataset, tuple(study.epochs))
    params.check_name("loss", given.loss, params.LOSSES)
    params.check_name("seed", given.seed, tuple(str(seed) for seed in study.seeds))
    if given.out.suffix != released.SUFFIX:
        raise CediceError(f"{given.out}: a model file's name ends in {released.SUFFIX}")
    source = registry.find(given.dataset, project.datasets)
    release.release(Training(given.study, given.dataset, given.loss, int(given.seed)), study.seeds, source, given.out)
    print(f"{given.out} ({given.out.stat().st_size / 1e6:.1f} MB) and {given.out.with_suffix('.md')}")


def export(given: Namespace) -> None:
    """Write a model as ONNX."""
    import torch

    from cedice.inference import export, model_file, released

    export.export(model_file.load(released.find(given.model), torch.device("cpu")), given.onnx)
    print(f"{given.onnx} ({given.onnx.stat().st_size / 1e6:.1f} MB)")


def check(given: Namespace) -> None:
    """Say what a data set holds and what is wrong with it."""
    from cedice import params
    from cedice.analysis.statistics import units_needed
    from cedice.analysis.verdict import STATEMENTS
    from cedice.data import check, registry
    from cedice.files import save_figure
    from cedice.inference import outputs

    project = params.load()
    params.check_name("dataset", given.name, tuple(project.datasets))
    source = registry.find(given.name, project.datasets)
    found = check.check(
        source, "patient" if given.name in params.DATASETS else project.own.split, units_needed(len(STATEMENTS))
    )
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


def verify(_: Namespace) -> None:
    """Recompute what is reported."""
    from cedice.pipeline import verify

    broken = verify.verify(Path.cwd(), lambda line: print(f"holds: {line}", flush=True))
    for line in broken:
        print(f"BROKEN: {line}", flush=True)
    if broken:
        raise CediceError(f"{len(broken)} of the reported results do not follow from what is here")
    print("all that is reported follows from what is here")
