# `make demo` and `make test` set up everything they need in .venv; nothing is installed elsewhere.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
READY := .venv/ready
ALL := .venv/ready-for-all

.DEFAULT_GOAL := help
.PHONY: help demo small own paper recipe outlook attention transformer article test test-all lint gate

help:  ## Print this list.
	@awk -F ':.*## ' '/^[a-z -]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY)  ## Run the whole pipeline on synthetic data: no download, no GPU, 2 minutes on 2 CPU cores.
	python -m cedice.pipeline.repro $@
	@echo
	@echo 'Table 1   reports/demo/tables/table1.md'
	@echo 'Figures   reports/demo/figures, reports/demo/samples'
	@echo 'One page  reports/demo/index.html'
	@if [ -n "$$(git status --short reports/demo dvc.lock)" ]; then \
		echo 'Git       dvc.lock, and on another kind of processor two files of reports/demo, now hold what this machine made.'; \
		echo '          To go back: git checkout reports/demo dvc.lock'; \
	fi

small: $(ALL)  ## Train on the real archives with 8 channels for 100 epochs of what its record lacks; one CUDA GPU, or a day on 2 CPU cores for all of it.
	python -m cedice.pipeline.repro $@
	dvc repro across

own: $(READY)  ## Do the same with your own data sets, those that `own.epochs` in params.yaml names.
	python -m cedice.pipeline.repro $@

paper: $(READY)  ## Train in the setting of the paper: one CUDA GPU. Without one it stops at once.
	python -m cedice.pipeline.repro $@

recipe: $(READY)  ## Train on three real data sets with augmentation and five folds, each loss at its own learning rate.
	python -m cedice.pipeline.repro $@

outlook attention transformer: $(ALL)  ## Ask the paper's question of our U-Net, an attention U-Net, a Transformer.
	python -m cedice.pipeline.repro $@
	dvc repro across

article: $(ALL)  ## Typeset the article anew from the reports: reports/article/article.pdf.
	dvc repro --single-item article

# Two processes of one thread each; the tests of a file stay in one.
TESTS := OMP_NUM_THREADS=1 pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: $(ALL)  ## Run the tests but the slow ones: 5 to 6 minutes on 2 CPU cores.
	@echo 'Left out: tests that kill, fill the disk, verify all, share work among processes, of a wheel, of thousands of damaged files, of whole archives (make test-all)'
	$(TESTS) -m 'not slow'

test-all: $(ALL)  ## Run all tests: about 14 minutes on 2 CPU cores.
	$(TESTS)

lint: $(ALL)  ## Check style, format, types and the direction of imports.
	ruff check . && ruff format --check . && mypy && lint-imports

gate: $(ALL)  ## Ask in a clean clone of HEAD: do the committed numbers follow from code, parameters and data?
	python .ci/gate.py

# The demo needs the pipeline's packages alone; tests and networks from MONAI need more. Both in the versions of requirements.lock.
PIP := python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

$(READY): requirements.lock pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@echo 'Installing PyTorch, DVC and what the pipeline needs into .venv, once: 1 to 4 minutes'
	@python3 -m venv .venv
	@$(PIP) setuptools && $(PIP) --no-build-isolation --editable '.[pipeline]'
	@touch $@

$(ALL): $(READY)
	@echo 'Installing what tests and other networks need, once: about a minute'
	@$(PIP) --no-build-isolation --editable '.[dev]'
	@touch $@
