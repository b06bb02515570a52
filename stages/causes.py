"""Write what the two experiments on the gain's reason say: `reports/causes`."""

from pathlib import Path

from cedice import paths
from cedice.analysis import causes
from cedice.files import replacing, save_figure, write_csv, write_text
from cedice.paper import titles
from cedice.pipeline.stage import Job, run
from cedice.reporting.causes import figure, markdown

DATASET, READOUT = "hippocampus", "averaged"  # as planned


def write(job: Job) -> None:
    kept = sorted(paths.experiments(job.study).glob("*/"))
    found = causes.cells([paths.record(job.study), *kept], DATASET, READOUT)
    levels, crossed, sizes = causes.levels(found), causes.two_by_two(found), causes.by_size(found)
    target, title = Path("reports/causes"), titles([DATASET])[DATASET]
    with replacing(target, folder=True) as new:
        for name, rows in (("levels", levels), ("contrasts", crossed), ("sizes", sizes)):
            if len(rows):
                write_csv(new / f"{name}.csv", rows, float_format="%.6g")
        write_text(new / "causes.md", markdown(levels, crossed, sizes, title, READOUT))
        if len(sizes):
            save_figure(figure(levels, title), new / "sizes.png")
    print(f"{target} written")


if __name__ == "__main__":
    run(write)
