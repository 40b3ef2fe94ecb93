"""Descriptions of parameters, under the name that newer launch files use."""

from launch.refusal import module_getattr

from ..parameter_descriptions import Parameter, ParameterFile, ParameterValue

__all__ = ["Parameter", "ParameterFile", "ParameterValue"]

__getattr__ = module_getattr(__name__)
