from setuptools import find_packages, setup

package_name = "act_sim"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(),
    package_data={package_name: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="act-so101 maintainers",
    maintainer_email="maintainers@act-so101.dev",
    description="SO-101 arms in MuJoCo: tasks, randomization, scripted experts and a ROS bridge.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "excite_node = act_core.entry:main_of.act_sim.excite_node",
            "mock_arm_node = act_core.entry:main_of.act_sim.mock_arm_node",
            "overlay_node = act_core.entry:main_of.act_sim.overlay_node",
            "sim_node = act_core.entry:main_of.act_sim.sim_node",
        ]
    },
)
