# `make help` lists the targets. Every target can be run on a fresh clone.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup training demo train-demo-policy test check bench clean

IN_ENV := source ./env.sh &&

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: ## install the runtime and build the ROS packages (PYTHON=... chooses the interpreter)
	@PYTHON="$(PYTHON)" ./setup.sh runtime
	@echo "Ready. Next: source env.sh && ros2 launch act_bringup sim.launch.py"

training: ## add what training and the tests need (torch and more)
	@PYTHON="$(PYTHON)" ./setup.sh training

demo: setup ## watch a trained policy do its task for five episodes; leaves a film in out/
	$(IN_ENV) ros2 launch act_bringup sim.launch.py episodes:=5 seed:=500000 film:=out
	@echo
	@echo "  out/demo.mp4    what the cameras saw"
	@echo "  out/demo.png    the plans of the policy, the target made of them, and the arm"
	@echo
	@echo "Next: source env.sh, then"
	@echo "  ros2 launch act_bringup sim.launch.py viewer:=true     # with a display: watch, push the cube"
	@echo "  ros2 launch act_bringup sim.launch.py level:=2         # other light, camera, friction each time"
	@echo "  ros2 launch act_bringup sim.launch.py --show-args      # everything else"

# About 10 minutes of demonstrations and 90 minutes of training on two idle cores.
DEMO_POLICY := so101_pick_place
train-demo-policy: training ## make policies/so101_pick_place anew: collect, train, export, evaluate
	$(IN_ENV) act-collect --env so101/pick_place --episodes 400 --noise 1.0 --out data/pick_place
	$(IN_ENV) if [ -e runs/$(DEMO_POLICY)/last ]; then act-train --resume runs/$(DEMO_POLICY); else \
		act-train --preset compact --training.steps 20000 --data data/pick_place --out runs/$(DEMO_POLICY); fi
	$(IN_ENV) act-export --checkpoint runs/$(DEMO_POLICY) --out policies/$(DEMO_POLICY)
	$(IN_ENV) act-evaluate --policy policies/$(DEMO_POLICY) --episodes 200 --seed 10000 --stamp \
		--out docs/results/pick_place

test: training ## run every test
	$(IN_ENV) nice -n 5 python -m pytest

check: training ## lint, format, types, spelling
	$(IN_ENV) ruff check . && ruff format --check . && mypy && codespell

bench: training ## print every figure of bench/ as one JSON line each
	$(IN_ENV) for script in bench/[a-z]*.py; do python -m "bench.$$(basename "$$script" .py)"; done

clean: ## remove the environment and everything that was built (data, runs and out stay)
	rm -rf .venv ros2_ws/build ros2_ws/install ros2_ws/log
