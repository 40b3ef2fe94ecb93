"""SO-101 arms in MuJoCo: model, tasks, randomization, experts and Gymnasium environments. No ROS.

As a Gymnasium environment (`environment.So101Env`):

    import gymnasium, act_sim
    env = gymnasium.make("act_sim/PickPlace-v0", cameras=("front", "wrist"), image_size=(240, 320))
    observation, info = env.reset(seed=0)

With the scripted demonstrator (`experts`), straight on the simulation (`simulation.Simulation`):

    sim = Simulation("pick_place", level=1)
    sim.reset(seed=0)
    expert = make_expert(sim)
    while not expert.done:
        sim.step(expert.act())
"""

from __future__ import annotations

from act_sim.task_registry import register_environment, task_names

for _name in task_names():
    register_environment(_name)
