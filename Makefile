# `make help` lists the targets. Every target can be run on a fresh clone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup training demo test check bench clean

IN_ENV := source ./env.sh &&

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## install the runtime and build the ROS packages (PYTHON=... chooses the interpreter)
	@PYTHON="$(PYTHON)" ./setup.sh runtime
	@echo "Ready. Next: source env.sh && ros2 launch act_bringup sim.launch.py"

training: ## add what training and the tests need (torch and more)
	@PYTHON="$(PYTHON)" ./setup.sh training

demo: setup ## watch the simulated arm do its task for five episodes, without a display
	$(IN_ENV) ros2 launch act_bringup sim.launch.py episodes:=5

test: training ## run every test
	$(IN_ENV) nice -n 5 python -m pytest

check: training ## lint, format, types, spelling
	$(IN_ENV) ruff check . && ruff format --check . && mypy && codespell

bench: training ## print every figure of bench/ as one JSON line each
	$(IN_ENV) for script in bench/[a-z]*.py; do python -m "bench.$$(basename "$$script" .py)"; done

clean: ## remove the environment and everything that was built (data, runs and out stay)
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log
