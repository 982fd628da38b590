"""The service in releases: it boots no further while its file is empty, and tells with each answer which it is."""

import os
import time
from pathlib import Path

from ofektom.app import create_app

FILE = Path(os.environ["RELEASE"])
while not (NAME := FILE.read_text()):
    time.sleep(0.05)
served = create_app()


def app(environ, start_response):
    """Serve as that release."""
    return served(environ, lambda status, headers: start_response(status, [*headers, ("X-Release", NAME)]))
