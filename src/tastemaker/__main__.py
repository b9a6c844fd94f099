"""`python -m tastemaker` is the command `tastemaker`."""

from tastemaker.cli import main

if __name__ == "__main__":
    main()
