"""The gallery of cells beside the packages that have them too."""
