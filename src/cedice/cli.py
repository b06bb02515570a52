"""The command `cedice`: what a user does beside the pipeline's stages."""

import argparse
import math
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from cedice import commands
from cedice.errors import meant, reported
from cedice.inference import released


def main() -> None:
    """Parse the command line, do it; status 1 and one line on standard error for anything the user can mend."""
    given = parser().parse_args()
    with reported("interrupted; nothing was left half-written"):
        given.do(given)


class _Parser(argparse.ArgumentParser):
    """One that suggests the word that was meant."""

    def error(self, message: str) -> NoReturn:
        if wrong := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            message += meant(wrong[1], re.findall(r"[\w-]+", wrong[2]))
        super().error(message)


class _PrintCompletion(argparse.Action):
    """What completes the command's words in a shell."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: str | None = None) -> None:
        from cedice import completion  # noqa: PLC0415  (needs more than any other command's help)

        print(completion.script(parser, values))
        parser.exit()


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option_string: str | None = None) -> None:
        print(f"cedice {metadata.version('cedice')}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """All commands, each with an example. Without a command, help is printed."""
    whole = _Parser(prog="cedice", description=__doc__)
    whole.set_defaults(do=lambda _: whole.print_help())
    whole.add_argument("--version", action=_Version, nargs=0, help="print the version")
    whole.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print the completion for a shell, to be put where it looks for such",
    )
    among = whole.add_subparsers(metavar="COMMAND")
    _predict(among)
    _evaluate(among)
    _release(among)
    _export(among)
    data = among.add_parser("data", help="look at a data set before anything is trained")
    data.set_defaults(do=lambda _: data.print_help())
    of_data = data.add_subparsers(metavar="COMMAND")
    _add(of_data)
    _check(of_data)
    _verify(among)
    return whole


def _command(
    among: Any, name: str, do: Callable[[argparse.Namespace], None], summary: str, description: str, *examples: str
) -> argparse.ArgumentParser:
    added = among.add_parser(
        name,
        help=summary,
        description=description,
        epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    added.set_defaults(do=do)
    return added


def _predict(among: Any) -> None:
    predict = _command(
        among,
        "predict",
        commands.predict,
        "label your own scans with a trained network",
        "Label NIfTI volumes and grey images; results are on the scan's own grid.",
        "cedice predict acdc heart.nii.gz -o labels/",
        "cedice predict my-model.safetensors scans/ -o labels/ --probabilities",
        "cedice predict covid19 lungs.nii.gz -o labels/ --threshold own",
    )
    along = ", ".join(released.names())
    predict.add_argument("model", metavar="MODEL", help=f"a model file, or one that comes along: {along}")
    predict.add_argument("scans", metavar="SCAN", nargs="+", type=Path, help="volume, image, or folder of them")
    predict.add_argument("-o", "--out", metavar="OUT", type=Path, required=True, help="folder for the results")
    at = "foreground from this probability on: a number (default: 0.5), or `own`, that which the model's card names"
    predict.add_argument("--threshold", metavar="T", type=_threshold, default=0.5, help=at)
    predict.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    predict.add_argument("--probabilities", action="store_true", help="write every class's probability too")
    predict.add_argument("--overwrite", action="store_true", help="replace files that cedice did not write, too")


def _threshold(given: str) -> float | str:
    if given == "own":
        return given
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{given} is neither a number between 0 and 1, as 0.3, nor own")
    return number


def _evaluate(among: Any) -> None:
    evaluate = _command(
        among,
        "evaluate",
        commands.evaluate,
        "hold label maps, from here or elsewhere, against the truth",
        "Dice, IoU, pixel error, surface Dice and 95 % Hausdorff distance of every case and class, and their means.",
        "cedice evaluate labels/ truth/ -o measures.csv",
        "cedice evaluate heart_labels.nii.gz heart_gt.nii.gz",
    )
    for name, side in (("labels", "the label maps"), ("truth", "the true ones, paired by name")):
        evaluate.add_argument(name, metavar=name.upper(), type=Path, help=f"{side}: a file, or a folder of them")
    evaluate.add_argument("-o", "--out", metavar="FILE.csv", type=Path, help="write the table, without its means, as CSV")


def _release(among: Any) -> None:
    release = _command(
        among,
        "release",
        commands.release,
        "make a model file, with its card, from a trained network",
        "Make a model file for `cedice predict` from a study's training; run in the project's root.",
        "cedice release small acdc ce_dl 0 -o models/released/acdc.safetensors",
    )
    for name in ("study", "dataset", "loss", "seed"):
        release.add_argument(name, metavar=name.upper())
    release.add_argument(
        "-o", "--out", metavar="FILE", type=Path, required=True, help="a .safetensors; its card goes beside it"
    )


def _export(among: Any) -> None:
    export = _command(
        among,
        "export",
        commands.export,
        "write a model for other runtimes",
        "Write a model as ONNX: input `image`, grey values 0–1, output `logits`; the rest stands in the file's metadata.",
        "cedice export acdc --onnx acdc.onnx",
    )
    export.add_argument("model", metavar="MODEL", help="as for predict")
    export.add_argument("--onnx", metavar="FILE", type=Path, required=True, help="the file to write")


def _add(among: Any) -> None:
    add = _command(
        among,
        "add",
        commands.add,
        "describe a folder of your own scans and masks in params.yaml",
        "Look at a folder or archive, propose its entry in params.yaml, and write it after a yes; the file's comments stay.",
        "cedice data add my-data /path/to/folder",
        "cedice data add my-data scans.zip --yes",
        "cedice data add my-data membrane --images train/image --masks train/label",
    )
    add.add_argument("new", metavar="NAME", help="a name of your choice: letters, digits, - and _")
    add.add_argument("folder", metavar="FOLDER", type=Path, help="the folder, zip or tar")
    for kind in ("images", "masks"):
        where = f"where the {kind} are, if that cannot be guessed: a folder in FOLDER, or a pattern as '{kind}/{{name}}.png'"
        add.add_argument(f"--{kind}", metavar="WHERE", default="", help=where)
    add.add_argument("--yes", action="store_true", help="write without asking")


def _check(among: Any) -> None:
    check = _command(
        among,
        "check",
        commands.check,
        "what does a data set hold, and what is wrong with it?",
        "Read a data set as the pipeline would, say what is there and everything that is wrong, and draw a contact sheet.",
        "cedice data check my-data",
        "CEDICE_ARCHIVES=/path/to/archives cedice data check acdc",
    )
    check.add_argument("name", metavar="NAME", help="one of `datasets` in params.yaml, or of the paper's")


def _verify(among: Any) -> None:
    _command(
        among,
        "verify",
        commands.verify,
        "does what is reported follow from what is here?",
        "Recompute, as far as weights, counts and histories are here, what the reports say; nothing is changed.",
        "cedice verify",
    )


if __name__ == "__main__":
    main()
