"""Draw Figure 1, the network that a study trains: the only report that needs PyTorch."""

from cedice import paths
from cedice.files import save_figure
from cedice.networks import arguments
from cedice.pipeline.stage import Job, run
from cedice.reporting.network import network


def draw(job: Job) -> None:
    train = job.settings.train
    classes = max(len(job.classes(dataset)) for dataset in job.datasets)
    size = max(job.settings.grid_of(dataset).size for dataset in job.datasets)
    target = paths.figure1(job.study)
    save_figure(network(arguments(train.network, classes, train.model_dump()), size), target)
    print(f"{target} written")


if __name__ == "__main__":
    run(draw)
