#!/bin/sh
# What $id installs. Runs as root in the guest; the first command that fails ends the build.
set -eu

# For example:
#   apt-get install --yes nginx
#   systemctl enable nginx
echo "nothing is installed yet"
