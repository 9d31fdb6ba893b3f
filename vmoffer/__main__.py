"""`python -m vmoffer` is the same as `vmoffer`."""

from vmoffer.cli import main

main()
