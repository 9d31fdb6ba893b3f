"""What the project notes while it runs: each step and post-processor, in one file of the results.

So a failed build is told apart without reading Packer's text. templates/note.sh writes the file, on the host;
`vmoffer.events` reads it.
"""

from __future__ import annotations

from importlib.resources import files

VERSION = 1
FILE = "events.jsonl"
SCRIPT = "note.sh"
STEP, POST_PROCESSOR = "step", "post-processor"
# All steps are done: what fails between this and the first post-processor is the builder's capture.
PROVISIONED = "provisioned"


def script() -> str:
    """The text of note.sh, which goes into every project."""
    return files("templates").joinpath(SCRIPT).read_text(encoding="utf-8")
