"""Vedette: a layer-7 gateway that keeps constant eyes on AI agents."""

__version__ = "0.1.0.dev0"
