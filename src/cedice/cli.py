"""The command `cedice`: what a user does beside the pipeline's stages."""

import argparse
from pathlib import Path

import pandas as pd
import shtab
import torch

from cedice import params
from cedice.analysis.statistics import units_needed
from cedice.analysis.verdict import STATEMENTS
from cedice.data import check, reading, registry
from cedice.data.reading import Scan
from cedice.errors import CediceError, reported
from cedice.files import replacing, save_figure
from cedice.inference import export, model_file, outputs, predict, release
from cedice.paths import Training
from cedice.pipeline import verify
from cedice.training import hardware


def main() -> None:
    """Parse the command line, do it; status 1 and one line on standard error for anything the user can mend."""
    given = parser().parse_args()
    with reported("interrupted; nothing was left half-written"):
        given.do(given)


def parser() -> argparse.ArgumentParser:
    """All commands, each with an example."""
    whole = argparse.ArgumentParser(prog="cedice", description=__doc__)
    shtab.add_argument_to(whole, help="print the completion for a shell, to be put where it looks for such")
    commands = whole.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, do, summary: str, description: str, *examples: str, among=commands) -> argparse.ArgumentParser:
        shown = "examples:\n" + "\n".join(f"  {example}" for example in examples)
        kind = argparse.RawDescriptionHelpFormatter
        added = among.add_parser(name, help=summary, description=description, epilog=shown, formatter_class=kind)
        added.set_defaults(do=do)
        return added

    predict = command(
        "predict",
        _predict,
        "label your own scans with a trained network",
        "Label NIfTI volumes and grey images; results are on the scan's own grid.",
        "cedice predict acdc heart.nii.gz -o labels/",
        "cedice predict my-model.safetensors scans/ -o labels/ --probabilities",
    )
    known = ", ".join(model_file.released())
    predict.add_argument("model", metavar="MODEL", help=f"a model file, or one that comes along: {known}")
    predict.add_argument("scans", metavar="SCAN", nargs="+", type=Path, help="volume, image, or folder of them")
    predict.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder for the results")
    predict.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    predict.add_argument("--probabilities", action="store_true", help="write every class's probability too")

    making = command(
        "release",
        _release,
        "make a model file, with its card, from a trained network",
        "Make a model file for `cedice predict` from a study's training; run in the project's root.",
        "cedice release small acdc ce_dl 0 -o models/released/acdc.safetensors",
    )
    for name in ("study", "dataset", "loss", "seed"):
        making.add_argument(name, metavar=name.upper())
    making.add_argument("-o", "--out", metavar="FILE", type=Path, required=True, help="a .safetensors; its card goes beside it")

    exporting = command(
        "export",
        _export,
        "write a model for other runtimes",
        "Write a model as ONNX: input `image`, grey values 0–1, output `logits`; the rest stands in the file's metadata.",
        "cedice export acdc --onnx acdc.onnx",
    )
    exporting.add_argument("model", metavar="MODEL", help="as for predict")
    exporting.add_argument("--onnx", metavar="FILE", type=Path, required=True, help="the file to write")

    data = commands.add_parser("data", help="look at a data set before anything is trained").add_subparsers(
        required=True, metavar="COMMAND"
    )
    checking = command(
        "check",
        _check,
        "what does a data set hold, and what is wrong with it?",
        "Read a data set as the pipeline would, say what is there and everything that is wrong, and draw a contact sheet.",
        "cedice data check my-data",
        "CEDICE_ARCHIVES=/path/to/archives cedice data check acdc",
        among=data,
    )
    checking.add_argument("name", metavar="NAME", help="one of `datasets` in params.yaml, or of the paper's")

    command(
        "verify",
        _verify,
        "does what is reported follow from what is here?",
        "Recompute, as far as weights, counts and histories are here, what the reports say; nothing is changed.",
        "cedice verify",
    )
    return whole


def _predict(given: argparse.Namespace) -> None:
    file, scans = model_file.find(given.model), predict.find(given.scans)
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
        print(_told(scan, found[-1]), flush=True)
    with replacing(given.out / "volumes.csv") as new:
        pd.concat(found).to_csv(new, index=False, lineterminator="\n")


def _told(scan: Scan, found: pd.DataFrame) -> str:
    sizes = [
        f"{name} {voxels} pixels" if pd.isna(ml) else f"{name} {ml:.1f} ml"
        for name, voxels, ml in found[["class", "voxels", "ml"]].itertuples(index=False)
    ]
    return f"{scan.name}: {', '.join(sizes)}"


def _release(given: argparse.Namespace) -> None:
    project = params.load()
    params.check_name("study", given.study, params.STUDIES)
    study = project.study(given.study)
    params.check_name("dataset", given.dataset, tuple(study.epochs))
    params.check_name("loss", given.loss, params.LOSSES)
    params.check_name("seed", given.seed, tuple(str(seed) for seed in study.seeds))
    if given.out.suffix != model_file.SUFFIX:
        raise CediceError(f"{given.out}: a model file's name ends in {model_file.SUFFIX}")
    source = registry.find(given.dataset, project.datasets)
    release.release(Training(given.study, given.dataset, given.loss, int(given.seed)), study.seeds, source, given.out)
    print(f"{given.out} ({given.out.stat().st_size / 1e6:.1f} MB) and {given.out.with_suffix('.md')}")


def _export(given: argparse.Namespace) -> None:
    export.export(model_file.load(model_file.find(given.model), torch.device("cpu")), given.onnx)
    print(f"{given.onnx} ({given.onnx.stat().st_size / 1e6:.1f} MB)")


def _check(given: argparse.Namespace) -> None:
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
        save_figure(outputs.preview(source.NAME, made.index["slice"], made.images, made.masks, source.CLASSES), sheet)
        print(f"contact sheet: {sheet}")
    for line in found.warnings:
        print(f"warning: {line}")
    for line in found.problems:
        print(f"problem: {' '.join(line.split())}")
    if found.problems:
        raise CediceError(f"{given.name}: {len(found.problems)} problems; the pipeline would stop at the first")


def _verify(_: argparse.Namespace) -> None:
    broken = verify.verify(Path.cwd(), lambda line: print(f"holds: {line}", flush=True))
    for line in broken:
        print(f"BROKEN: {line}", flush=True)
    if broken:
        raise CediceError(f"{len(broken)} of the reported results do not follow from what is here")
    print("all that is reported follows from what is here")


if __name__ == "__main__":
    main()
