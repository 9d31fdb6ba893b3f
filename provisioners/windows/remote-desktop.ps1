# Remote desktop is on and listens as documented.
$Step = 'remote-desktop'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\remote-desktop.yaml"
Set-Table -Rows $table
Complete-Step
