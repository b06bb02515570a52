# `make demo` and `make test` set up everything they need in .venv; nothing is installed elsewhere.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
READY := .venv/ready

.PHONY: demo small own paper test lint gate
demo small own: $(READY)
	dvc repro table@$@ plot@$@ where@$@ audit@$@ verdict@$@ page@$@ $(if $(filter small,$@),claims)
	@cat reports/$@/table1.md
	@echo "Figures:" && ls reports/$@/figures/*.png
	@echo "All on one page: reports/$@/index.html"

# Stops at once, with one line, on a machine without a CUDA GPU.
paper: $(READY)
	dvc repro table@$@ plot@$@ where@$@ audit@$@ verdict@$@ page@$@
	@cat reports/$@/table1.md

test: $(READY)
	pytest

lint: $(READY)
	ruff check . && ruff format --check . && mypy

# Do the committed numbers follow from the committed code, parameters and data? In a clean clone of HEAD.
gate: $(READY)
	python .ci/gate.py

$(READY): requirements.lock pyproject.toml
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	python3 -m venv .venv
	python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
