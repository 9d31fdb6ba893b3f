# The hardware clock is UTC.
$Step = 'clock'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\clock.yaml"
Set-Table -Rows $table
Complete-Step
