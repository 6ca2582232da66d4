"""The settings of a deployment: what the tfvars files hold, read once for planning and for the doctor."""
