"""Brings the tools that this project needs: uv, Python 3.13, the virtual environments, Terraform.

A fresh clone starts with it, so it runs on any Python from 3.8 on and imports the standard library only.
Everything that it installs is locked by a checksum, and is stored in folders that git ignores.

`make` calls it as `python3 -m scripts.bootstrap <what>`, in the root of the project.
"""
