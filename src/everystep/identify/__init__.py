"""Fit a linear driven system to data in closed form."""

from everystep.identify.closed_form import identify

__all__ = ["identify"]
