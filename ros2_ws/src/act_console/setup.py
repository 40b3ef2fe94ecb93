from setuptools import find_packages, setup

package_name = "act_console"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(),
    package_data={package_name: ["py.typed", "elements/*.js", "static/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="act-so101 maintainers",
    maintainer_email="maintainers@act-so101.dev",
    description="The command act: from a box of parts to a policy, by the name of a set-up.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "act = act_core.entry:main_of.act_console.cli",
            "act-check = act_core.entry:main_of.act_console.check.cli",
            "console_node = act_core.entry:main_of.act_console.console_node",
        ]
    },
)
