"""The embedded model: loads an artifact of plain arrays and classifies messages with it.

>>> from smartticket_model import load
>>> load().predict("Invoice", "I was charged twice this month").label
'billing'
"""

from smartticket_model.runtime import Model, load

__all__ = ["Model", "load"]
