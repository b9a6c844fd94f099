"""The protocols by which data are cut, one module a family; `tastemaker.data.split` finds them by name."""
