"""Write what the kept experiments say: `experiments.md`, `response.csv`, `leakage.csv`, `response.png`."""

from cedice import experiments, figures, paths, response, summary
from cedice.files import replacing, write_text
from cedice.stage import Job, run


def tell(job: Job) -> None:
    base = {training: summary.Run.of(job.study, *training) for training in job.trainings}
    kept = experiments.load(job.study, job.params)
    points = response.by_alpha(base, job.params.loss.ce_dl.alpha, kept)
    responses, leaked = response.response(points), response.leakage(base, kept, job.study)
    folder = paths.reports(job.study)
    for name, table in (("response", responses), ("leakage", leaked)):
        with replacing(folder / f"{name}.csv") as new:
            table.to_csv(new, index=False, lineterminator="\n", float_format="%.6g")
    figures.save(figures.response(points, f"Response to α (study {job.study})"), folder / "response.png")
    write_text(folder / "experiments.md", response.markdown(responses, leaked, kept, job.study))
    print(f"{folder / 'experiments.md'} written")


if __name__ == "__main__":
    run(tell)
