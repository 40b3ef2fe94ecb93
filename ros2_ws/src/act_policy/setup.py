from setuptools import find_packages, setup

package_name = "act_policy"

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
    description="Runs ACT policies: ONNX inference and a time-aligned temporal ensemble.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": ["policy_node = act_core.entry:main_of.act_policy.policy_node"]
    },
)
