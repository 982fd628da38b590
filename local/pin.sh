#!/usr/bin/env bash
# Compile each NAME.in to NAME.txt: exact versions, the hashes of every file, and no trace of where they came from.
set -euo pipefail

for name in "$@"; do
    .venv/bin/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux \
        --generate-hashes --no-emit-index-url --no-annotate --no-header \
        --output-file "$name.txt" "$name.in"
done
