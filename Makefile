# Every target does its own set-up in .venv: CPython 3.11 or newer, pip and make are all that is needed.
#
#   EXTRAS=torch,serve,local   widens any target by these optional dependencies; what is there already stays
#   ARGS=...                   is handed on to the command behind the target
#   PYTHON=...                 the interpreter that makes .venv

.DEFAULT_GOAL := help
.PHONY: help demo test check docs reference bench bench-evaluation bench-encoding bench-ladder bench-search bench-serve bench-training lock check-pythons clean

EXTRAS ?=
ARGS ?=
# A name on the PATH may be a stub that does not run, so each is tried.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)

comma := ,
extras := $(subst $(comma), ,$(EXTRAS))
python := .venv/bin/python
# pytest runs one process a core; more threads inside each would only stall one another.
pytest := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(python) -m pytest -n $(or $(WORKERS),2) --dist loadfile

define setup
@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed and was not found; name one with PYTHON=..." >&2; exit 1; }
@$(PYTHON) tools/environment.py $(1) $(extras)
endef

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | awk -F '\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

demo: ## MovieLens-100K from download to recommendations, then a server (ARGS=--no-serve ends without it)
	$(call setup,serve)
	$(python) -m tastemaker demo $(ARGS)

test: check ## lint, types, floors, then every test in random order
	$(pytest) $(ARGS)

check: ## lint, types and floors only
	$(call setup,dev)
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	.venv/bin/lint-imports

docs: reference ## the site, strictly, into site/
	$(python) -m zensical build --clean --strict

reference: ## the reference pages that come from the code
	$(call setup,docs)
	$(python) tools/generate_reference.py

# chaos and shop_day look for faults, for hours at their full size: they are asked for by name.
bench: ## what the benchmarks measure, printed as ratios
	$(call setup,dev)
	@set -e; for program in $(filter-out %/chaos.py %/shop_day.py,$(wildcard benchmarks/*.py)); do echo "== $$program"; $(python) $$program $(ARGS); done

bench-evaluation: ## what an evaluation takes; ARGS="--rivals VENV_DIR" runs RecTools and RecBole beside it
	$(call setup,dev)
	$(python) benchmarks/evaluation.py $(ARGS)

bench-ladder: ## EASE, iALS, counts and one answer of every model; ARGS="--rivals VENV_DIR" runs implicit beside them
	$(call setup,dev)
	$(python) benchmarks/ladder.py $(ARGS)

bench-encoding: ## texts a second of the text encoders; ARGS="--rivals VENV_DIR" runs sentence-transformers beside them
	$(call setup,dev onnx)
	$(python) benchmarks/encoding.py $(ARGS)

bench-search: ## exact and approximate vector search beside the bare matrix product (ARGS=--quick for a minute's look)
	$(call setup,dev ann)
	$(python) benchmarks/search.py $(ARGS)

bench-serve: ## the server under load, beside bare scoring and bare HTTP (ARGS=--quick for a minute's look)
	$(call setup,dev serve)
	$(python) benchmarks/serving.py $(ARGS)

bench-training: ## the training of SASRec beside the machine's own rate; ARGS="--beauty --rivals VENV_DIR" adds RecBole
	$(call setup,dev torch)
	$(python) benchmarks/training.py $(ARGS)

locks := build core dev serve docs local transformers postgres ray tune boost ann onnx zstd torch
compile := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	--custom-compile-command "make lock"

# One version of everything in all.txt, then a file with hashes for each set, held to those versions.
lock: ## lock the dependencies anew (ARGS=--upgrade takes the newest)
	$(call setup,dev)
	$(compile) $(ARGS) pyproject.toml requirements/build.in requirements/torch.in \
		$(foreach set,$(filter-out build core torch,$(locks)),--extra $(set)) -o requirements/all.txt
	@set -e; for set in $(locks); do \
		case $$set in \
			build|torch) inputs=requirements/$$set.in ;; \
			core) inputs=pyproject.toml ;; \
			*) inputs="pyproject.toml --extra $$set" ;; \
		esac; \
		echo "locking $$set"; \
		$(compile) --generate-hashes -c requirements/all.txt $$inputs -o requirements/$$set.txt; \
	done

check-pythons: ## that the locks resolve and the types hold for the newer Pythons
	$(call setup,dev)
	@set -e; for version in 3.12 3.13; do \
		for set in $(locks); do \
			.venv/bin/uv pip install --quiet --dry-run --python-version $$version --target build/none \
				--only-binary :all: --require-hashes -r requirements/$$set.txt; \
		done; \
		echo "every lock resolves for Python $$version"; \
		$(python) -m mypy --python-version $$version; \
	done

clean: ## remove the environment and everything that was built
	rm -rf .venv build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
