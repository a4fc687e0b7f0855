"""Deepscope's model factory: simulate microscope images, train networks on them, measure and package the result."""

__version__ = "0.16.0"
