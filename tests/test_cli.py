"""The command line itself: help at once, words that were meant, completion in a real shell."""

import os
import shutil
import subprocess
import sys
from importlib import metadata

import pytest

from cedice.errors import meant


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "cedice.cli", *arguments], capture_output=True, text=True, check=False, encoding="utf-8"
    )


def test_help_waits_for_no_library():
    """What takes seconds to import is imported by the command that needs it."""
    code = "import sys, cedice, cedice.cli as c; c.parser().format_help(); print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pandas", "pydantic", "matplotlib", "nibabel", "shtab"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("predict", "acdc", "nowhere.nii", "-o", "out"), "error: nowhere.nii: no such file"),
        (("predict", "adc", "x.nii", "-o", "out"), "error: no model adc"),
        (("predict", "acdc", "x.nii", "-o", "x.nii"), "error: x.nii: a folder is needed"),
        (("predict", "acdc", "x.nii", "-o", "."), "error: .: would replace x_labels.nii.gz"),
        (("export", "adc", "--onnx", "x.onnx"), "error: no model adc"),
    ],
)
def test_what_is_wrong_with_the_arguments_waits_for_no_library(tmp_path, words, line):
    for name in ("x.nii", "x_labels.nii.gz"):
        (tmp_path / name).touch()
    code = "import atexit, sys; atexit.register(lambda: print('torch' in sys.modules)); from cedice.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "False\n")
    assert done.stderr.startswith(line)
    assert {path.name for path in tmp_path.iterdir()} == {"x.nii", "x_labels.nii.gz"}


def test_any_name_can_be_printed_whatever_the_output_takes():
    code = "from cedice.errors import reported\nwith reported(''): print('heart' + chr(0x1FAC0) + chr(0xDCE9))"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "heart\\U0001fac0\\udce9\n"


def test_without_a_command_it_prints_help():
    for words, shown in (((), "predict"), (("data",), "check")):
        done = run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert shown in done.stdout


def test_version():
    assert run("--version").stdout == f"cedice {metadata.version('cedice')}\n"


def test_a_wrong_word_is_answered_with_the_one_that_was_meant():
    done = run("predct", "acdc")
    assert done.returncode == 2
    assert done.stderr.endswith("(did you mean predict?)\n")
    done = run("predict", "adc", "x.nii", "-o", "out")
    assert done.returncode == 1
    assert done.stderr == "error: no model adc (did you mean acdc?): give a model file, or one of acdc, covid19\n"
    assert meant("brats", ("acdc", "covid19")) == ""


@pytest.fixture(scope="module")
def completed(tmp_path_factory):
    """completed("predict", "ac") → what bash offers for the last word, in a folder with scans, a model and a params.yaml."""
    folder = tmp_path_factory.mktemp("shell")
    for name in ("scan.nii.gz", "my scan.nii", "scans/a.nii", "my-model.safetensors", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "params.yaml").write_text("datasets:\n  acdc: {kind: published}\n  retina:\n    kind: files\nown: {}\n")
    script = run("--print-completion", "bash")
    assert script.returncode == 0
    (folder / "completion.sh").write_text(script.stdout)

    def complete(*words: str) -> list[str]:
        asked = """source completion.sh; compopt() { :; }; COMP_WORDS=(cedice "$@"); COMP_CWORD=$#
            _shtab_cedice; printf '%s\\n' "${COMPREPLY[@]}" """
        done = subprocess.run(["bash", "-c", asked, "bash", *words], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.split("\n")[:-1]

    return complete


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pre",), ["predict"]),
        (("predict", "ac"), ["acdc"]),
        (("predict", "my"), ["my-model.safetensors"]),
        (("predict", "no"), [""]),
        (("predict", "acdc", "sca"), ["scan.nii.gz", "scans"]),
        (("predict", "acdc", "scan.nii.gz", "scans/"), ["scans/a.nii"]),
        (("predict", "acdc", "my sc"), ["my scan.nii"]),
        (("predict", "acdc", "scans", "-o", "sca"), ["scan.nii.gz", "scans"]),
        (("predict", "acdc", "scans", "--device", "cu"), ["cuda"]),
        (("release", "sm"), ["small"]),
        (("release", "small", "re"), ["retina"]),
        (("release", "small", "acdc", "ce_"), ["ce_dl"]),
        (("data", "check", "acdc"), ["acdc", "acdc-test"]),
        (("data", "add", "new", "sca"), ["scan.nii.gz", "scans"]),
        (("evaluate", "sca"), ["scan.nii.gz", "scans"]),
        (("export", "covid"), ["covid19"]),
    ],
)
def test_the_shell_completes(completed, words, offered):
    assert sorted(completed(*words)) == offered


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script(shell):
    assert "cedice" in run("--print-completion", shell).stdout
