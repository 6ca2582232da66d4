"""The steps of a deployment pipeline, one make target each: release, review, deploy, drift.

Nothing here needs GitHub. If its variables are set (GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, PULL_REQUEST), results also go
there.
"""
