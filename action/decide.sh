#!/usr/bin/env bash
# The gate: turns the scan's exit code, and what became of the upload, into this job's success or failure.
set -euo pipefail

if [[ "$UPLOAD_WANTED" == true && -z "$SARIF_ID" ]]; then
  reason="the results could not be uploaded: is code scanning enabled, and may this job write security-events?"
  if [[ "$UPLOAD" == true ]]; then
    echo "::error title=bluecode-lint::$reason"
    exit 2
  fi
  echo "::warning title=bluecode-lint::$reason"
fi

case "$EXIT_CODE" in
  0) echo "Nothing at or above the level this job fails on." ;;
  1) echo "::error title=bluecode-lint::There are results at or above the level this job fails on; see the summary." ;;
  *) echo "::error title=bluecode-lint::The scan cannot be trusted; see the log of the step before." ;;
esac
exit "$EXIT_CODE"
