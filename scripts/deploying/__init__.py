"""What a deployment pipeline does, one make target a step: release, review, deploy, drift.

Nothing here needs GitHub: where its variables are set (GITHUB_OUTPUT, GITHUB_STEP_SUMMARY, PULL_REQUEST), results
are told there too.
"""
