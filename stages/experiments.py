"""Write what the kept experiments say: `experiments.md`, `response.csv`, `leakage.csv`, `response.png`."""

import pandas as pd

from cedice import paths
from cedice.analysis import experiments, response
from cedice.analysis.pairs import of_pair
from cedice.files import save_figure, write_csv, write_text
from cedice.pipeline.stage import Job, run
from cedice.reporting import figures
from cedice.reporting.experiments import Tried, markdown

FILES = {"responses": "response", "leaked": "leakage"}


def write(job: Job) -> None:
    folder, points, told = paths.reports(job.study), {}, {}
    for readout, base in of_pair(job.runs()).items():
        kept = experiments.load(job.study, job.params, readout)
        points[readout] = response.by_alpha(base, job.params.loss.ce_dl.alpha, kept)
        told[readout] = Tried(response.response(points[readout]), response.leakage(base, kept, job.study), kept)
    for name in ("responses", "leaked"):
        parts = {readout: getattr(tried, name) for readout, tried in told.items()}
        table = pd.concat(parts, names=["readout"]).reset_index("readout")
        write_csv(folder / f"{FILES[name]}.csv", table, float_format="%.6g")
    save_figure(figures.response(points, f"The effect of α ({job.note})"), folder / "response.png")
    write_text(folder / "experiments.md", markdown(told, job.study, job.synthetic))
    print(f"{folder / 'experiments.md'} written")


if __name__ == "__main__":
    run(write)
