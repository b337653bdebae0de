"""Models of one's own: where they lie, which one is to judge, who promoted it, and which one does judge."""

from smartticket_daemon.models.in_use import InUse, ModelInUse, read_in_use
from smartticket_daemon.models.registry import Kept, Registry, Step
from smartticket_daemon.models.shelf import Shelf

__all__ = ["InUse", "Kept", "ModelInUse", "Registry", "Shelf", "Step", "read_in_use"]
