"""Systems: one short file for each published method, with its claim and the experiment that tests it.

What the files share lives in `tastemaker.systems.reproduction`; `tastemaker reproduce NAME` runs one.
"""
