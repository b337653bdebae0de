"""The report of a training: one HTML file that opens anywhere, and the model's card."""

from smartticket_training.report.asked import settings_of
from smartticket_training.report.facts import Facts
from smartticket_training.report.write import write_report

__all__ = ["Facts", "settings_of", "write_report"]
