"""Whether the instance of this container can serve: ends with 0 when its /readyz answers 200, with 1 otherwise."""

import http.client
import os
import sys

# /readyz gives PostgreSQL two.
PATIENCE_SECONDS = 4


def is_ready(port: int) -> bool:
    """Whether the instance on `port` says so itself."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(os.environ.get("PORT", "8000"))))
