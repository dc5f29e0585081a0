# `make gan` trains the default GAN; `make test` runs every test. Each target installs in .venv what it
# needs, and nothing twice.
PYTHON ?= python3
VENV := .venv
IN_VENV := $(VENV)/bin

.PHONY: help gan notebooks exercises docs test quick lint benchmark clean

help:
	@echo "make gan        train a DCGAN on real handwritten digits; images in runs/"
	@echo "make notebooks  open your own copy of the chapters in Jupyter Lab"
	@echo "make exercises  make the students' notebooks from the solutions"
	@echo "make docs       build the documentation in site/"
	@echo "make test       run every test"
	@echo "make quick      run the tests that take seconds"
	@echo "make lint       check style"
	@echo "make benchmark  compare steps with PyTorch's; measure fit, attention and full trainings"

gan: $(VENV)/ready
	$(IN_VENV)/python -m genai_keras.train_gan

notebooks: $(VENV)/ready-notebooks
	$(IN_VENV)/python notebooks/build.py --copy
	$(IN_VENV)/jupyter lab my_notebooks/chapter1_regression.ipynb

exercises: $(VENV)/ready-notebooks
	$(IN_VENV)/python notebooks/build.py --students

docs: $(VENV)/ready-dev
	NO_MKDOCS_2_WARNING=1 $(IN_VENV)/mkdocs build --strict --quiet
	@echo "open site/index.html"

# A process for each core, four at most, with one thread each: `pytest` alone runs in one process.
PYTEST := $(IN_VENV)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: $(VENV)/ready-dev
	$(PYTEST)

quick: $(VENV)/ready-dev
	$(PYTEST) -m "not slow"

lint: $(VENV)/ready-dev
	$(IN_VENV)/ruff check .
	$(IN_VENV)/ruff format --check .

benchmark: $(VENV)/ready-dev
	$(IN_VENV)/python tests/benchmarks/benchmark_steps.py
	$(IN_VENV)/python tests/benchmarks/benchmark_gan_step.py
	$(IN_VENV)/python tests/benchmarks/benchmark_transformer.py
	$(IN_VENV)/python tests/benchmarks/benchmark_training.py

# The exact versions of requirements.txt, and the package itself from this checkout.
$(VENV)/ready: requirements.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and \
	"error: this needs Python 3.11, 3.12 or 3.13, not %d.%d: make PYTHON=python3.12 ..." % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(IN_VENV)/python -m pip install --quiet --requirement requirements.txt
	$(IN_VENV)/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/ready-notebooks: requirements-notebooks.txt $(VENV)/ready
$(VENV)/ready-dev: requirements-dev.txt $(VENV)/ready-notebooks
$(VENV)/ready-notebooks $(VENV)/ready-dev:
	$(IN_VENV)/python -m pip install --quiet --requirement $<
	touch $@

clean:
	rm -rf $(VENV)
