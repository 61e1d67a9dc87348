"""The pictures of the tour, one file an item: each draws what the item computed and adds nothing."""

from __future__ import annotations

from collections.abc import Callable

from everystep.tour.item import Item
from everystep.tour.pictures import n1, n2, n3, n4, n5, n6, n7, n8
from everystep.tour.pictures.picture import Picture

PICTURES: dict[str, Callable[[Item], list[Picture]]] = {
    "N1": n1.pictures,
    "N2": n2.pictures,
    "N3": n3.pictures,
    "N4": n4.pictures,
    "N5": n5.pictures,
    "N6": n6.pictures,
    "N7": n7.pictures,
    "N8": n8.pictures,
}

__all__ = ["PICTURES", "Picture"]
