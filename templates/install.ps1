# What $id installs. Runs as Administrator in the guest; the first command that fails ends the build.
$$ErrorActionPreference = 'Stop'

# For example:
#   Install-WindowsFeature -Name Web-Server
Write-Output 'nothing is installed yet'
